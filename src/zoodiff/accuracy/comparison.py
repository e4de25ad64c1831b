"""Compare entries on the same images: each with its claim, and every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.accuracy.measure import of_record, pair_level
from zoodiff.accuracy.per_class import ClassDifference, per_class
from zoodiff.accuracy.predictions import Stored
from zoodiff.accuracy.scaling_anomalies import inversions
from zoodiff.claims import catalogue
from zoodiff.errors import MeasurementError
from zoodiff.results import Interval
from zoodiff.stats import paired, sequential
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WITHIN = 0.5
"""Percentage points within which entries count as the same."""
_VALIDATION = 50_000
ClaimVerdict = Literal["met", "not met", "not decided", "of other images", "of other weights"]
PairVerdict = Literal["different", "the same", "not decided"]


@dataclass(frozen=True)
class Row:
    """One entry. Accuracy is percent."""

    entry: str
    weights: str
    """Where its weights come from."""
    images: int
    top1: Interval
    top5: Interval
    calibration_error: float | None
    claimed: float | None
    claim: ClaimVerdict | None
    """Whether the claim is met; None without a claim."""
    preprocessing: str
    defaulted: tuple[str, ...]
    failed_checks: tuple[str, ...]


@dataclass(frozen=True)
class Flip:
    """An image that only one of two entries predicts correctly."""

    image: int
    """Its number in the data set."""
    label: int
    first: int
    second: int
    """What they take it for."""


@dataclass(frozen=True)
class Pair:
    """Two entries on the images that both saw. ``difference`` is first less second, in points."""

    first: str
    second: str
    images: int
    difference: Interval
    bootstrap: Interval
    only_first: int
    only_second: int
    p_value: float
    """McNemar, exact."""
    mid_p: float
    holm: float
    benjamini_hochberg: float
    agreement: float
    """Percent of images to which both give the same class."""
    detectable: float
    """Points that so many images would show with a power of 80 %."""
    sequence: Interval | None
    """Interval that holds although the run was stopped when it had decided; None for a fixed
    number of images."""
    verdict: PairVerdict
    flips: tuple[Flip, ...]
    classes: tuple[ClassDifference, ...]
    """Those with the largest differences."""


@dataclass(frozen=True)
class Comparison:
    """All entries and all pairs; ``within`` is the margin of "the same", in points."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    within: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        found = asdict(self)
        intervals = ("difference", "bootstrap", "sequence")
        for group, keys in (("rows", ("top1", "top5")), ("pairs", intervals)):
            for one in found[group]:
                for key in keys:
                    one[key] = None if one[key] is None else one[key].model_dump()
        return found


def compare(
    records: Sequence[Record], store: Store, *, within: float = WITHIN, examples: int = 5
) -> Comparison:
    """Compare entries by their predictions for the same images.

    Raises MeasurementError where predictions are damaged, and where two entries saw no image in
    common.
    """
    seen = {record.entry: of_record(store, record) for record in records}
    rows = tuple(_row(record, within) for record in records)
    margins = _Margins(within, examples, len(records) * (len(records) - 1) // 2)
    found = [
        _pair(one, other, _both(seen[one.entry], seen[other.entry]), margins)
        for one, other in combinations(records, 2)
    ]
    holm = paired.holm([pair.p_value for pair in found])
    rate = paired.benjamini_hochberg([pair.p_value for pair in found])
    pairs = tuple(_decided(pair, p, q) for pair, p, q in zip(found, holm, rate, strict=True))
    return Comparison(rows, pairs, within, (*_notes(rows, pairs), *_families(records, pairs)))


def _row(record: Record, within: float) -> Row:
    from zoodiff.preprocessing.spec import Preprocessing

    values = record.values
    assert isinstance(values, AccuracyValues)
    claimed = _claimed(record)
    return Row(
        record.entry,
        record.weights.state,
        values.images,
        values.top1,
        values.top5,
        values.calibration_error,
        claimed,
        None if claimed is None else _claim(record, values, claimed, within),
        Preprocessing.from_dict(record.preprocessing).sentence(),
        tuple(values.defaulted),
        tuple(values.failed_checks),
    )


def _claimed(record: Record) -> float | None:
    if record.zoo not in catalogue.zoo_names():
        return None
    if record.architecture not in catalogue.architectures():
        return None
    for claim in catalogue.claims_for(architecture=record.architecture, zoo=record.zoo):
        same = claim.entry_model == record.model and claim.entry_weights == record.weights.name
        if same and claim.top1_percent is not None:
            return claim.top1_percent
    return None


def _claim(record: Record, values: AccuracyValues, claimed: float, within: float) -> ClaimVerdict:
    """Met where top-1 is shown to be at least the claim less the margin.

    Claims are about the 50,000 validation images; other images cannot decide them.
    """
    if record.weights.state != "published":
        return "of other weights"
    whole = values.images + values.left_out
    if record.conditions.get("space") != "imagenet-1k" or whole != _VALIDATION:
        return "of other images"
    if values.top1.low >= claimed - within:
        return "met"
    return "not met" if values.top1.high < claimed - within else "not decided"


@dataclass(frozen=True, eq=False)
class _Both:
    """What two entries said of the images that both saw, one row an image of each."""

    first: Stored
    second: Stored
    rows: NDArray[np.int64]
    others: NDArray[np.int64]

    @property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(images,), whether each was right."""
        return self.first.found.hits(1)[self.rows], self.second.found.hits(1)[self.others]

    @property
    def best(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(images,), the best class of each."""
        return self.first.found.classes[self.rows, 0], self.second.found.classes[self.others, 0]

    def flips(self, most: int) -> tuple[Flip, ...]:
        """Images that one gets right alone, those first where both are surest."""
        import numpy as np

        right, best = self.right, self.best
        sure = (
            self.first.found.probabilities[self.rows, 0]
            + self.second.found.probabilities[self.others, 0]
        )
        flipped = np.nonzero(right[0] != right[1])[0]
        chosen = flipped[np.argsort(-sure[flipped], kind="stable")][:most]
        images, labels = self.first.images[self.rows], self.first.labels[self.rows]
        return tuple(
            Flip(int(images[k]), int(labels[k]), int(best[0][k]), int(best[1][k])) for k in chosen
        )


@dataclass(frozen=True)
class _Margins:
    """How pairs are judged."""

    within: float
    examples: int
    pairs: int

    def sequence(
        self, one: Record, right: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    ) -> tuple[PairVerdict, Interval] | None:
        """The verdict of a run that stopped when it had decided; None of another run."""
        if one.conditions.get("decide") is None:
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


def _both(first: Stored, second: Stored) -> _Both:
    return _Both(first, second, *same_images(first.keys, second.keys))


def _pair(one: Record, other: Record, both: _Both, margins: _Margins) -> Pair:
    count = len(both.rows)
    if count == 0:
        raise MeasurementError(f"{one.entry} and {other.entry} saw no image in common")
    right, best = both.right, both.best
    only_first = int((right[0] & ~right[1]).sum())
    only_second = int((right[1] & ~right[0]).sum())
    same = paired.equivalent(only_first, only_second, count, margins.within / 100)
    decided = margins.sequence(one, right)
    return Pair(
        one.entry,
        other.entry,
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
        both.flips(margins.examples),
        per_class(both.first.labels[both.rows], *right, margins.examples),
    )


def _decided(pair: Pair, holm: float, rate: float) -> Pair:
    from dataclasses import replace

    if pair.sequence is not None:  # a test of a fixed number of images does not hold here
        return replace(pair, holm=holm, benjamini_hochberg=rate)
    significant = holm < 0.05 and pair.verdict != "the same"
    verdict: PairVerdict = "different" if significant else pair.verdict
    return replace(pair, holm=holm, benjamini_hochberg=rate, verdict=verdict)


def same_images(
    first: NDArray[np.uint64], second: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of both that are the same image, by the keys of their images.

    Copies of one image are told apart by their order.
    """
    import numpy as np

    if len(first) == len(second) and (first == second).all():
        every = np.arange(len(first))
        return every, every
    places: dict[tuple[int, int], int] = {}
    counts: dict[int, int] = {}
    for row, key in enumerate(second.tolist()):
        places[key, counts.setdefault(key, 0)] = row
        counts[key] += 1
    left, right, seen = [], [], dict.fromkeys(counts, 0)
    for row, key in enumerate(first.tolist()):
        number = seen.get(key, 0)
        seen[key] = number + 1
        if (key, number) in places:
            left.append(row)
            right.append(places[key, number])
    return np.array(left, dtype=np.int64), np.array(right, dtype=np.int64)


def _points(estimate: Any) -> Interval:
    return Interval(
        value=100 * estimate.value,
        low=100 * estimate.low,
        high=100 * estimate.high,
        level=estimate.level,
    )


def _notes(rows: Sequence[Row], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """What follows from several rows together."""
    missed = {row.entry for row in rows if row.claim == "not met"}
    found = [
        f"{pair.first} and {pair.second} agree with each other and both miss their claims: the "
        "data set or the recipe is suspect before the entries are"
        for pair in pairs
        if pair.verdict == "the same" and {pair.first, pair.second} <= missed
    ]
    claimed = [row for row in rows if row.claimed is not None]
    for one, other in combinations(claimed, 2):
        assert one.claimed is not None
        assert other.claimed is not None
        pair = next(p for p in pairs if {p.first, p.second} == {one.entry, other.entry})
        measured = one.top1.value - other.top1.value
        if pair.verdict == "different" and measured * (one.claimed - other.claimed) < 0:
            better, worse = (one, other) if measured > 0 else (other, one)
            found.append(f"{better.entry} is better than {worse.entry}, which claims more")
    return tuple(found)


def _families(records: Sequence[Record], pairs: Sequence[Pair]) -> list[str]:
    """Larger members of a family that are worse."""
    measured = []
    for record in records:
        assert isinstance(record.values, AccuracyValues)
        if record.weights.state != "random":
            top1 = record.values.top1.value
            measured.append((record.entry, record.zoo, record.architecture, top1))
    different = {frozenset((p.first, p.second)) for p in pairs if p.verdict == "different"}
    return [
        f"{one.larger} is the larger one of the family {one.family} and worse than {one.smaller}: "
        "its recipe (weights, preprocessing, input size or labels) is likely wrong"
        for one in inversions(measured, different)
    ]
