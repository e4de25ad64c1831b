"""Accuracy discrepancies of a study: paired on the same images, corrected for all its pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from zoodiff.accuracy.pairs import same_images
from zoodiff.accuracy.predictions import read_columns
from zoodiff.errors import MeasurementError, StoreError
from zoodiff.results import Comparison, Contingency, Discrepancy, Interval, Verdict
from zoodiff.stats import paired
from zoodiff.store.comparisons import grouped
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNIFICANCE = 0.05
_MOST_ANSWERS = 50_000_000
"""Most answers of all entries together, five bytes each: 1,000 entries on 50,000 images."""


@dataclass(frozen=True)
class AccuracyRanking:
    """Pairs of one architecture on one data set, and the records that could not be compared."""

    pairs: tuple[Discrepancy, ...]
    """Sorted by the difference in top-1, largest first."""
    unread: dict[str, str]
    """Why the predictions of a record cannot be used, by the record's key."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """An entry's answer per image, and whether it was right."""

    right: NDArray[np.bool_]
    """(images,), whether the best class was the label."""
    best: NDArray[np.int32]
    """(images,), the best class; -1 for one that the data set does not have."""
    images: bytes
    """Hash of the images' keys in order."""

    def of(self, rows: NDArray[np.int64]) -> _Answers:
        """Return the answers of these rows."""
        return _Answers(self.right[rows], self.best[rows], self.images)


def compare(
    records: Iterable[Record], store: Store, comparisons: Sequence[Comparison] | None = None
) -> AccuracyRanking:
    """Test all pairs of records in one comparison on one data set.

    If ``comparisons`` is None, entries of one architecture are compared. Raises StoreError for more
    answers than fit in memory.
    """
    members = [r for r in records if isinstance(r.values, AccuracyValues)]
    answers, unread = _read(members, store)
    read = [record for record in members if record.key in answers]
    tested = [
        _with_architecture(name, *_pair(first, second, *aligned))
        for name, first, second in _pairs(read, comparisons)
        if _same_data(first, second)
        if len((aligned := _aligned(first, second, answers, store))[0].right)
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
    """Return each pair once, with the name of the first comparison that contains it."""
    pairs: dict[tuple[str, str], tuple[str, Record, Record]] = {}
    for name, group in grouped("accuracy", records, comparisons):
        for first, second in combinations(group, 2):
            pairs.setdefault((first.key, second.key), (name, first, second))
    return list(pairs.values())


def _with_architecture(name: str, pair: Discrepancy, p_value: float) -> tuple[Discrepancy, float]:
    return pair.model_copy(update={"architecture": name}), p_value


def _read(members: Sequence[Record], store: Store) -> tuple[dict[str, _Answers], dict[str, str]]:
    """Return the answers of records by key, and the reasons why others cannot be read."""
    answers: dict[str, _Answers] = {}
    unread: dict[str, str] = {}
    capacity = _MOST_ANSWERS
    for record in members:
        try:
            answers[record.key] = _answers(store, record)
        except MeasurementError as error:
            unread[record.key] = str(error)
            continue
        capacity -= len(answers[record.key].right)
        if capacity < 0:
            raise StoreError(
                f"these {len(members):,} records have more than {_MOST_ANSWERS:,} answers; compare "
                "fewer of them at once"
            )
    return answers, unread


_COLUMNS = ("rank", "key", "classes")


def _answers(store: Store, record: Record) -> _Answers:
    """Return the answers of a record; raise MeasurementError if they cannot be read."""
    advice = "run the study again to measure it"
    if record.attachment is None or not store.intact(record):
        raise MeasurementError(f"its predictions are missing or damaged; {advice}")
    try:
        columns = read_columns(store.read_attachment(record), _COLUMNS)
    except (MeasurementError, OSError) as error:
        raise MeasurementError(f"its predictions cannot be read ({error}); {advice}") from None
    if columns.keys() != set(_COLUMNS) or columns["classes"].ndim != 2:
        raise MeasurementError(f"its predictions are in the format of another zoodiff; {advice}")
    return _Answers(
        columns["rank"] == 1,
        columns["classes"][:, 0].astype("int32"),
        hashlib.sha256(columns["key"].tobytes()).digest(),
    )


def _same_data(first: Record, second: Record) -> bool:
    """Return whether both records name their data set and it is the same."""
    sides = [record.conditions.get("data_sha256") for record in (first, second)]
    return sides[0] is not None and sides[0] == sides[1]


def _aligned(
    first: Record, second: Record, answers: dict[str, _Answers], store: Store
) -> tuple[_Answers, _Answers]:
    """Return the answers of both entries on the images that both saw."""
    left, right = answers[first.key], answers[second.key]
    if left.images == right.images:
        return left, right
    # One of them could not decode an image that the other could.
    keys = [read_columns(store.read_attachment(r), ("key",))["key"] for r in (first, second)]
    first_rows, second_rows = same_images(*keys)
    return left.of(first_rows), right.of(second_rows)


def _pair(
    first: Record,
    second: Record,
    first_answers: _Answers,
    second_answers: _Answers,
) -> tuple[Discrepancy, float]:
    """Return a pair, the better entry first, and the p-value of McNemar's test."""
    first_right, second_right = first_answers.right, second_answers.right
    same = (first_answers.best == second_answers.best) & (first_answers.best >= 0)
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    if only_second > only_first:
        first, second, only_first, only_second = second, first, only_second, only_first
    estimate = paired.difference(only_first, only_second, len(first_right))
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
        note=f"right in one alone: {only_first} and {only_second} of {len(first_right)} images",
        doubtful=_doubt(first, second),
        contingency=Contingency(
            both=int((first_right & second_right).sum()),
            high_alone=only_first,
            low_alone=only_second,
            neither=int((~first_right & ~second_right).sum()),
            same_answer=int(same.sum()),
        ),
    )
    return pair, paired.mcnemar(only_first, only_second)


def _doubt(*records: Record) -> str | None:
    """Return the plausibility checks that failed, with their entries."""
    failed = [
        f"{record.entry}: {sentence}"
        for record in records
        if isinstance(record.values, AccuracyValues)
        for sentence in record.values.failed_checks
    ]
    return "; ".join(failed) or None


def _top1(record: Record) -> float:
    assert isinstance(record.values, AccuracyValues)
    return record.values.top1.value


def _verdict(p_value: float) -> Verdict:
    return "discrepancy" if p_value < SIGNIFICANCE else "no difference"
