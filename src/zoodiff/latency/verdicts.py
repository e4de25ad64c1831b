"""Latency discrepancies: ratios within rounds, judged against the A/A controls of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log
from typing import TYPE_CHECKING, Literal

from zoodiff.host.environment import Environment, comparable
from zoodiff.latency.conditions import MeasuredConditions, differences
from zoodiff.results import Comparison, Control, Discrepancy, Interval, Verdict
from zoodiff.stats import ratios
from zoodiff.stats.intervals import Estimate
from zoodiff.store.records import LatencyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 0.99
"""Of the interval that must exclude 1 before a difference counts: at most one false alarm in a
hundred pairs, and fewer, since the floor must be cleared besides."""
_EQUIVALENCE = 0.90
"""An interval of this level within the bounds is two one-sided tests at 5 % (D. Schuirmann,
J. Pharmacokinetics and Biopharmaceutics 15, 1987)."""
PairVerdict = Literal["slower", "faster", "the same", "no difference shown"]


@dataclass(frozen=True)
class Judged:
    """The ratio of a pair, first over second, with its 95 % interval and its verdict."""

    ratio: Estimate
    verdict: PairVerdict
    """``slower`` and ``faster`` are the first's; ``the same`` is within the stated bounds."""


def judge(
    first: ratios.Rounds, second: ratios.Rounds, floor: float, within_percent: float = 5.0
) -> Judged:
    """Compare two latencies, each processes -> (rounds,) milliseconds of the same rounds.

    A difference counts where the interval at 99 % excludes 1 and the ratio itself is beyond the
    noise floor, a log ratio. What does not differ is ``the same`` only where it is shown to lie
    within the bounds.
    """
    logs = ratios.within_rounds(first, second)
    shown, sure, bounded = (ratios.interval(logs, one) for one in (0.95, LEVEL, _EQUIVALENCE))
    ratio = Estimate(exp(shown.value), exp(shown.low), exp(shown.high))
    if (sure.low > 0 or sure.high < 0) and abs(shown.value) > floor:
        return Judged(ratio, "slower" if shown.value > 0 else "faster")
    bound = log(1 + within_percent / 100)
    if -bound < bounded.low and bounded.high < bound and len(logs) > 1:
        return Judged(ratio, "the same")
    return Judged(ratio, "no difference shown")


def by_process(values: LatencyValues) -> list[NDArray[np.float64]]:
    """Per process, the block times that form ratios, in milliseconds: quartiles or medians."""
    import numpy as np

    every = np.array(values.round_quartiles_ms or values.round_medians_ms)
    ends = np.cumsum(values.process_rounds or [len(every)])
    return [one for one in np.split(every, ends[:-1]) if len(one)]


def compare(
    records: Iterable[Record],
    comparisons: Sequence[Comparison] | None = None,
    *,
    allowed: Sequence[str] = ("input size",),
) -> tuple[list[Discrepancy], list[Control]]:
    """All pairs of one comparison that were measured in one interleaved run, largest first.

    Entries of one architecture are compared where ``comparisons`` is None.

    A pair counts as a discrepancy only where it clears the noise that the controls of that run
    showed; without a control nothing counts. Pairs whose conditions differ in what nobody declared
    are not comparable; ``allowed`` names conditions that may differ.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        if isinstance(record.values, LatencyValues):
            groups.setdefault(record.values.group, []).append(record)
    found: list[Discrepancy] = []
    controls: list[Control] = []
    for members in groups.values():
        own = _controls(members)
        controls += own
        floor = max((log(1 + one.noise_percent / 100) for one in own), default=None)
        originals = [r for r in members if _values(r).repeat == 0]
        for first, second in combinations(originals, 2):
            name = _comparison_of(first, second, originals, comparisons)
            if name is not None:
                pair = _pair(first, second, floor, allowed)
                found.append(pair.model_copy(update={"architecture": name}))
    found.sort(key=lambda d: d.difference, reverse=True)
    return found, controls


def _comparison_of(
    first: Record,
    second: Record,
    run: Sequence[Record],
    comparisons: Sequence[Comparison] | None,
) -> str | None:
    """Name of the comparison that two entries of a run are in, of the run's own before others."""
    if comparisons is None:
        return first.architecture if first.architecture == second.architecture else None
    timed = {record.entry for record in run}
    both = [
        one
        for one in comparisons
        if one.kind == "latency" and {first.entry, second.entry} <= set(one.entries)
    ]
    both.sort(key=lambda one: set(one.entries) != timed)
    return both[0].name if both else None


def _values(record: Record) -> LatencyValues:
    assert isinstance(record.values, LatencyValues)
    return record.values


def _controls(members: list[Record]) -> list[Control]:
    found = []
    for copy in (r for r in members if _values(r).repeat == 1):
        for original in members:
            if original.entry == copy.entry and _values(original).repeat == 0:
                ratio = ratios.ratio(by_process(_values(original)), by_process(_values(copy)))
                found.append(control(original.entry, ratio))
    return found


def control(entry: str, ratio: Estimate) -> Control:
    """Return the control of a run from the ratio of an entry to its own copy."""
    return Control(
        entry=entry,
        ratio=Interval(value=ratio.value, low=ratio.low, high=ratio.high),
        noise_percent=100 * (exp(ratios.noise_floor([ratio])) - 1),
    )


def _pair(
    first: Record, second: Record, floor: float | None, allowed: Sequence[str]
) -> Discrepancy:
    rounds = by_process(_values(first)), by_process(_values(second))
    judged = judge(*rounds, floor=float("inf") if floor is None else floor)
    slow, fast, ratio = first, second, judged.ratio
    if ratio.value < 1:
        slow, fast, ratio = second, first, Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    unequal = _unequal(slow, fast, allowed)
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
        verdict="not comparable" if unequal else _verdict(judged, floor),
        high_weights=slow.weights.state,
        low_weights=fast.weights.state,
        note=_note(slow, fast, floor, unequal),
    )


def _verdict(judged: Judged, floor: float | None) -> Verdict:
    if judged.verdict in {"slower", "faster"}:
        return "discrepancy"
    inside = judged.ratio.low <= 1 <= judged.ratio.high
    return "no difference" if inside and floor is not None else "within noise"


def _environment(record: Record) -> Environment | None:
    """The environment of a record; None if the record lacks it."""
    try:
        return Environment.from_dict(_values(record).environment)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def _unequal(slow: Record, fast: Record, allowed: Sequence[str]) -> list[str]:
    places = [one for r in (slow, fast) if (one := _environment(r)) is not None]
    if len(places) == 2:
        # Libraries of two zoos differ, which is what is compared; the machine must be one.
        apart = comparable(*(Environment(one.machine) for one in places))
        if apart:
            return apart
    sides = [
        MeasuredConditions(r.entry, r.zoo, "", _values(r).conditions)
        for r in (slow, fast)
        if _values(r).conditions
    ]
    if len(sides) < 2:
        return []
    return [
        f"{condition} {one} | {other}"
        for condition, (one, other) in differences(*sides).items()
        if condition not in allowed
    ]


def _note(slow: Record, fast: Record, floor: float | None, unequal: list[str]) -> str | None:
    notes = [f"unequal, and not declared: {one}" for one in unequal]
    if floor is None:
        notes.append("the run has no A/A control, so no difference of it counts")
    shapes = [record.conditions.get("input_shape") for record in (slow, fast)]
    if shapes[0] != shapes[1]:
        notes.append("the inputs differ in size")
    if "placeholder" in (slow.weights.state, fast.weights.state):
        notes.append("constant placeholder weights may run at another speed than real ones")
    return "; ".join(notes) or None
