"""Accuracy discrepancies: paired on the same images, corrected for the number of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from zoodiff.accuracy.digits import right_top1
from zoodiff.errors import StoreError
from zoodiff.results import Discrepancy, Interval, Verdict
from zoodiff.stats import paired
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNIFICANCE = 0.05
_MOST_ANSWERS = 150_000_000
"""Of all entries together, a byte each: 3,000 entries on 50,000 images."""


def compare(records: Iterable[Record], store: Store) -> list[Discrepancy]:
    """All pairs of one architecture on one data set, largest difference in top-1 first.

    Raises StoreError for more answers than are held in memory at once.
    """
    members = [r for r in records if isinstance(r.values, AccuracyValues)]
    right: dict[str, NDArray[np.bool_] | None] = {}
    left = _MOST_ANSWERS
    for record in members:
        answers = right_top1(store, record)
        left -= 0 if answers is None else len(answers)
        if left < 0:
            raise StoreError(
                f"these {len(members):,} records have more than {_MOST_ANSWERS:,} answers; compare "
                "fewer of them at once"
            )
        right[record.key] = answers
    alike: dict[str, list[Record]] = {}
    for record in members:
        alike.setdefault(record.architecture, []).append(record)
    pairs = [
        (first, second)
        for group in alike.values()
        for first, second in combinations(group, 2)
        if _same_data(first, second)
    ]
    found: list[tuple[Discrepancy, float]] = []
    for first, second in pairs:
        one, two = right[first.key], right[second.key]
        if one is not None and two is not None and len(one) == len(two):
            found.append(_pair(first, second, one, two))
    corrected = paired.holm([p for _, p in found])
    done = [
        d.model_copy(update={"p_value": p, "verdict": _verdict(p)})
        for (d, _), p in zip(found, corrected, strict=True)
    ]
    return sorted(done, key=lambda d: d.difference, reverse=True)


def _same_data(first: Record, second: Record) -> bool:
    """Whether both say what data they are of, and say the same."""
    sides = [one.conditions.get("data_sha256") for one in (first, second)]
    return sides[0] is not None and sides[0] == sides[1]


def _pair(
    first: Record, second: Record, one: NDArray[np.bool_], two: NDArray[np.bool_]
) -> tuple[Discrepancy, float]:
    only_one, only_two = int((one & ~two).sum()), int((two & ~one).sum())
    if only_two > only_one:
        first, second, only_one, only_two = second, first, only_two, only_one
    estimate = paired.difference(only_one, only_two, len(one))
    high, low = _top1(first), _top1(second)
    return Discrepancy(
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
        note=f"right in one alone: {only_one} and {only_two} of {len(one)} images",
    ), paired.mcnemar(only_one, only_two)


def _top1(record: Record) -> float:
    assert isinstance(record.values, AccuracyValues)
    return record.values.top1.value


def _verdict(p_value: float) -> Verdict:
    return "discrepancy" if p_value < SIGNIFICANCE else "no difference"
