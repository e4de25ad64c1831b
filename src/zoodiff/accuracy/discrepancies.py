"""Accuracy discrepancies of a study: paired on the same images, corrected for all its pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from zoodiff.accuracy.comparison import same_images
from zoodiff.accuracy.predictions import read_columns
from zoodiff.errors import MeasurementError, StoreError
from zoodiff.results import Comparison, Discrepancy, Interval, Verdict
from zoodiff.stats import paired
from zoodiff.store.comparisons import grouped
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNIFICANCE = 0.05
_MOST_ANSWERS = 150_000_000
"""Of all entries together, a byte each: 3,000 entries on 50,000 images."""


@dataclass(frozen=True)
class AccuracyRanking:
    """Pairs of one architecture on one data set, and the records that could not be compared."""

    pairs: tuple[Discrepancy, ...]
    """The largest difference in top-1 first."""
    unread: dict[str, str]
    """Why the predictions of a record cannot be used, by the record's key."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """How an entry fared, image by image."""

    right: NDArray[np.bool_]
    """(images,), whether the best class was the label."""
    images: bytes
    """Hash of which images these are, in order."""


def compare(
    records: Iterable[Record], store: Store, comparisons: Sequence[Comparison] | None = None
) -> AccuracyRanking:
    """Compare all pairs of one comparison on one data set.

    Entries of one architecture are compared where ``comparisons`` is None.

    Raises StoreError for more answers than are held in memory at once.
    """
    members = [r for r in records if isinstance(r.values, AccuracyValues)]
    answers, unread = _read(members, store)
    read = [record for record in members if record.key in answers]
    tested = [
        _named(name, *_pair(first, second, *aligned))
        for name, first, second in _pairs(read, comparisons)
        if _same_data(first, second)
        if len((aligned := _aligned(first, second, answers, store))[0])
    ]
    corrected = paired.holm([p for _, p in tested])
    pairs = [
        pair.model_copy(update={"p_value": p, "verdict": _verdict(p)})
        for (pair, _), p in zip(tested, corrected, strict=True)
    ]
    return AccuracyRanking(
        tuple(sorted(pairs, key=lambda pair: pair.difference, reverse=True)), unread
    )


def _pairs(
    records: Sequence[Record], comparisons: Sequence[Comparison] | None
) -> list[tuple[str, Record, Record]]:
    """Each pair once, with the name of the first comparison that it is in."""
    pairs: dict[tuple[str, str], tuple[str, Record, Record]] = {}
    for name, group in grouped("accuracy", records, comparisons):
        for first, second in combinations(group, 2):
            pairs.setdefault((first.key, second.key), (name, first, second))
    return list(pairs.values())


def _named(name: str, pair: Discrepancy, p_value: float) -> tuple[Discrepancy, float]:
    return pair.model_copy(update={"architecture": name}), p_value


def _read(members: Sequence[Record], store: Store) -> tuple[dict[str, _Answers], dict[str, str]]:
    """The answers of records by their keys, and why those of others cannot be read."""
    answers: dict[str, _Answers] = {}
    unread: dict[str, str] = {}
    left = _MOST_ANSWERS
    for record in members:
        try:
            answers[record.key] = _answers(store, record)
        except MeasurementError as error:
            unread[record.key] = str(error)
            continue
        left -= len(answers[record.key].right)
        if left < 0:
            raise StoreError(
                f"these {len(members):,} records have more than {_MOST_ANSWERS:,} answers; compare "
                "fewer of them at once"
            )
    return answers, unread


def _answers(store: Store, record: Record) -> _Answers:
    """The answers of a record; raises MeasurementError where they cannot be read."""
    again = "run the study again to measure it"
    if record.attachment is None or not store.intact(record):
        raise MeasurementError(f"its predictions are missing or damaged; {again}")
    try:
        columns = read_columns(store.read_attachment(record), ("rank", "key"))
    except (MeasurementError, OSError) as error:
        raise MeasurementError(f"its predictions cannot be read ({error}); {again}") from None
    if columns.keys() != {"rank", "key"}:
        raise MeasurementError(f"its predictions are in the format of another zoodiff; {again}")
    return _Answers(columns["rank"] == 1, hashlib.sha256(columns["key"].tobytes()).digest())


def _same_data(first: Record, second: Record) -> bool:
    """Whether both say what data they are of, and say the same."""
    sides = [record.conditions.get("data_sha256") for record in (first, second)]
    return sides[0] is not None and sides[0] == sides[1]


def _aligned(
    first: Record, second: Record, answers: dict[str, _Answers], store: Store
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether either was right, on the images that both saw."""
    left, right = answers[first.key], answers[second.key]
    if left.images == right.images:
        return left.right, right.right
    # One of them could not decode an image that the other could.
    keys = [read_columns(store.read_attachment(r), ("key",))["key"] for r in (first, second)]
    rows, others = same_images(*keys)
    return left.right[rows], right.right[others]


def _pair(
    first: Record, second: Record, right: NDArray[np.bool_], other_right: NDArray[np.bool_]
) -> tuple[Discrepancy, float]:
    """A pair, the better entry first, and the p-value of McNemar's test."""
    only_first = int((right & ~other_right).sum())
    only_second = int((other_right & ~right).sum())
    if only_second > only_first:
        first, second, only_first, only_second = second, first, only_second, only_first
    estimate = paired.difference(only_first, only_second, len(right))
    high, low = _top1(first), _top1(second)
    pair = Discrepancy(
        metric="measured_top1",
        architecture=first.architecture,
        high_entry=first.entry,
        low_entry=second.entry,
        high=high,
        low=low,
        unit="%",
        difference=high - low,
        difference_unit="percentage points",
        interval=Interval(
            value=100 * estimate.value, low=100 * estimate.low, high=100 * estimate.high
        ),
        verdict="not comparable",
        high_weights=first.weights.state,
        low_weights=second.weights.state,
        note=f"right in one alone: {only_first} and {only_second} of {len(right)} images",
    )
    return pair, paired.mcnemar(only_first, only_second)


def _top1(record: Record) -> float:
    assert isinstance(record.values, AccuracyValues)
    return record.values.top1.value


def _verdict(p_value: float) -> Verdict:
    return "discrepancy" if p_value < SIGNIFICANCE else "no difference"
