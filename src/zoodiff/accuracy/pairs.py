"""Compares two entries on the images that both saw: paired tests, agreement, flips, classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.accuracy.classes.per_class import ClassDifference, per_class
from zoodiff.accuracy.measure import pair_level
from zoodiff.accuracy.predictions import Stored
from zoodiff.errors import MeasurementError
from zoodiff.results import Interval
from zoodiff.stats import paired, sequential
from zoodiff.store.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PairVerdict = Literal["different", "the same", "not decided"]


@dataclass(frozen=True)
class Flip:
    """An image that only one of two entries predicts correctly."""

    image: int
    """Its number in the data set."""
    label: int
    first: int
    second: int
    """The classes that the two entries predict."""


@dataclass(frozen=True)
class Pair:
    """Two entries on the images that both saw.

    ``difference`` is top-1 of the first less that of the second, in percentage points.
    """

    first: str
    second: str
    images: int
    difference: Interval
    bootstrap: Interval
    only_first: int
    only_second: int
    p_value: float
    """McNemar's exact test."""
    mid_p: float
    holm: float
    benjamini_hochberg: float
    agreement: float
    """Percent of images to which both give the same class."""
    detectable: float
    """Difference in points that this number of images detects with a power of 80 %."""
    sequence: Interval | None
    """Interval of a run that stopped once the pair was decided; None for a fixed number of
    images."""
    verdict: PairVerdict
    flips: tuple[Flip, ...]
    classes: tuple[ClassDifference, ...]
    """The classes with the largest differences."""


@dataclass(frozen=True, eq=False)
class SharedImages:
    """Predictions of two entries for the images that both saw."""

    first: Stored
    second: Stored
    first_rows: NDArray[np.int64]
    """(images,), rows of the first entry."""
    second_rows: NDArray[np.int64]
    """(images,), rows of the second entry, of the same images."""

    @property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Per entry, (images,), whether its best class is the label."""
        first, second = self.first.predictions, self.second.predictions
        return first.hits(1)[self.first_rows], second.hits(1)[self.second_rows]

    @property
    def best(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Per entry, (images,), its best class."""
        first, second = self.first.predictions, self.second.predictions
        return first.classes[self.first_rows, 0], second.classes[self.second_rows, 0]

    def flips(self, most: int) -> tuple[Flip, ...]:
        """Return images that only one entry predicts correctly, highest scores first."""
        import numpy as np

        right, best = self.right, self.best
        confidence = (
            self.first.predictions.probabilities[self.first_rows, 0]
            + self.second.predictions.probabilities[self.second_rows, 0]
        )
        flipped = np.nonzero(right[0] != right[1])[0]
        chosen = flipped[np.argsort(-confidence[flipped], kind="stable")][:most]
        images, labels = self.first.images[self.first_rows], self.first.labels[self.first_rows]
        return tuple(
            Flip(int(images[k]), int(labels[k]), int(best[0][k]), int(best[1][k])) for k in chosen
        )


@dataclass(frozen=True)
class PairSettings:
    """Settings with which pairs are compared: margin in points, examples per pair, pairs."""

    within: float
    examples: int
    pairs: int

    def sequence(
        self, record: Record, right: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    ) -> tuple[PairVerdict, Interval] | None:
        """Return the verdict of a run that stopped once it was decided; None for other runs."""
        if record.conditions.get("decide") is None:
            return None
        level = pair_level(self.pairs)
        differences = right[0].astype(float) - right[1].astype(float)
        known, _, low, high = sequential.decided(differences, self.within / 100, level)
        verdicts: dict[str | None, PairVerdict] = {
            "more": "different",
            "less": "the same",
            None: "not decided",
        }
        value = 100 * (float(differences.sum()) / len(differences))
        return verdicts[known], Interval(value=value, low=100 * low, high=100 * high, level=level)


def shared_images(first: Stored, second: Stored) -> SharedImages:
    """Return the predictions of two entries for the images that both saw."""
    return SharedImages(first, second, *same_images(first.keys, second.keys))


def compare_pair(
    first: Record, second: Record, shared: SharedImages, settings: PairSettings
) -> Pair:
    """Compare two entries; the p-values are not corrected yet for the number of pairs.

    Raises MeasurementError if they share no image.
    """
    count = len(shared.first_rows)
    if count == 0:
        raise MeasurementError(f"{first.entry} and {second.entry} saw no image in common")
    right, best = shared.right, shared.best
    only_first = int((right[0] & ~right[1]).sum())
    only_second = int((right[1] & ~right[0]).sum())
    same = paired.equivalent(only_first, only_second, count, settings.within / 100)
    decided = settings.sequence(first, right)
    return Pair(
        first.entry,
        second.entry,
        count,
        _points(paired.difference(only_first, only_second, count)),
        _points(paired.bootstrap_difference(only_first, only_second, count)),
        only_first,
        only_second,
        paired.mcnemar(only_first, only_second),
        paired.mcnemar_mid_p(only_first, only_second),
        1.0,
        1.0,
        100 * float((best[0] == best[1]).mean()),
        100 * paired.detectable(only_first + only_second, count),
        decided[1] if decided else None,
        decided[0] if decided else "the same" if same else "not decided",
        shared.flips(settings.examples),
        per_class(shared.first.labels[shared.first_rows], *right, settings.examples),
    )


def corrected(pair: Pair, holm: float, rate: float) -> Pair:
    """Return a pair with p-values corrected for the number of pairs, and the verdict by them."""
    if pair.sequence is not None:  # a test of a fixed number of images does not hold here
        return replace(pair, holm=holm, benjamini_hochberg=rate)
    significant = holm < 0.05 and pair.verdict != "the same"
    verdict: PairVerdict = "different" if significant else pair.verdict
    return replace(pair, holm=holm, benjamini_hochberg=rate, verdict=verdict)


def same_images(
    first: NDArray[np.uint64], second: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of both that are the same image, from the keys of their images.

    ``first`` and ``second`` are (images,); the two results have equal lengths. Copies of one image
    are matched in their order.
    """
    import numpy as np

    if len(first) == len(second) and (first == second).all():
        all_rows = np.arange(len(first))
        return all_rows, all_rows
    places: dict[tuple[int, int], int] = {}
    counts: dict[int, int] = {}
    for row, key in enumerate(second.tolist()):
        places[key, counts.setdefault(key, 0)] = row
        counts[key] += 1
    first_rows, second_rows, copies = [], [], dict.fromkeys(counts, 0)
    for row, key in enumerate(first.tolist()):
        number = copies.get(key, 0)
        copies[key] = number + 1
        if (key, number) in places:
            first_rows.append(row)
            second_rows.append(places[key, number])
    return np.array(first_rows, dtype=np.int64), np.array(second_rows, dtype=np.int64)


def _points(estimate: Any) -> Interval:
    return Interval(
        value=100 * estimate.value,
        low=100 * estimate.low,
        high=100 * estimate.high,
        level=estimate.level,
    )
