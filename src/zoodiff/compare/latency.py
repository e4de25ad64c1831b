"""Latency discrepancies: ratios within rounds, judged against the A/A control of the same run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import exp, log

from zoodiff.compare.result import Control, Discrepancy, Verdict
from zoodiff.stats import intervals
from zoodiff.store.records import Interval, LatencyValues, Record


def compare(records: Iterable[Record]) -> tuple[list[Discrepancy], list[Control]]:
    """All pairs of one architecture that were measured in one interleaved run, largest first.

    A pair counts as a discrepancy only where the whole interval of its ratio lies beyond the
    noise that the control of that run showed; without a control nothing counts.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        if isinstance(record.values, LatencyValues):
            groups.setdefault(record.values.group, []).append(record)
    found: list[Discrepancy] = []
    controls: list[Control] = []
    for members in groups.values():
        control = _control(members)
        if control is not None:
            controls.append(control)
        originals = [r for r in members if _values(r).repeat == 0]
        for first, second in combinations(originals, 2):
            if first.architecture == second.architecture:
                found.append(_pair(first, second, control))
    found.sort(key=lambda d: d.difference, reverse=True)
    return found, controls


def _values(record: Record) -> LatencyValues:
    assert isinstance(record.values, LatencyValues)
    return record.values


def _control(members: list[Record]) -> Control | None:
    copies = [r for r in members if _values(r).repeat == 1]
    for copy in copies:
        for original in members:
            if original.entry == copy.entry and _values(original).repeat == 0:
                ratio = intervals.median_ratio(
                    _values(original).round_medians_ms, _values(copy).round_medians_ms
                )
                reach = max(abs(log(ratio.low)), abs(log(ratio.high)), abs(log(ratio.value)))
                return Control(
                    entry=original.entry,
                    ratio=Interval(value=ratio.value, low=ratio.low, high=ratio.high),
                    noise_percent=100 * (exp(reach) - 1),
                )
    return None


def _pair(first: Record, second: Record, control: Control | None) -> Discrepancy:
    slow, fast = sorted((first, second), key=lambda r: _values(r).median_ms.value, reverse=True)
    ratio = intervals.median_ratio(_values(slow).round_medians_ms, _values(fast).round_medians_ms)
    if ratio.value < 1:  # the medians of calls and of ratios may disagree near one
        slow, fast = fast, slow
        ratio = intervals.Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    return Discrepancy(
        metric="latency",
        architecture=first.architecture,
        high_entry=slow.entry,
        low_entry=fast.entry,
        high=_values(slow).median_ms.value,
        low=_values(fast).median_ms.value,
        unit="ms",
        difference=100 * (ratio.value - 1),
        difference_unit="%",
        interval=Interval(
            value=100 * (ratio.value - 1), low=100 * (ratio.low - 1), high=100 * (ratio.high - 1)
        ),
        verdict=_verdict(ratio, control),
        high_weights=slow.weights.state,
        low_weights=fast.weights.state,
        note=_note(slow, fast, control),
    )


def _verdict(ratio: intervals.Estimate, control: Control | None) -> Verdict:
    if control is None:
        return "within noise"
    if ratio.low > 1 + control.noise_percent / 100:
        return "discrepancy"
    return "no difference" if ratio.low <= 1 <= ratio.high else "within noise"


def _note(slow: Record, fast: Record, control: Control | None) -> str | None:
    notes = []
    if control is None:
        notes.append("the run has no A/A control, so no difference of it counts")
    shapes = [record.conditions.get("input_shape") for record in (slow, fast)]
    if shapes[0] != shapes[1]:
        notes.append("the inputs differ in size")
    if "placeholder" in (slow.weights.state, fast.weights.state):
        notes.append("constant placeholder weights may run at another speed than real ones")
    return "; ".join(notes) or None
