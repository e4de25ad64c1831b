"""Find latency discrepancies: ratios within rounds, judged by the A/A controls of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log
from typing import Any, Literal

from zoodiff.host.environment import Environment, comparable
from zoodiff.latency.causes import causes_of, factors_of
from zoodiff.latency.conditions import MeasuredConditions, differences
from zoodiff.latency.records.parts import by_process, recorded_parts
from zoodiff.results import Cause, Comparison, Control, Discrepancy, Interval, LayerTimes, Verdict
from zoodiff.stats import ratios
from zoodiff.stats.intervals import Estimate
from zoodiff.store.records import ArchitectureValues, LatencyValues, Record

LEVEL = 0.99
"""Level of the interval that must exclude 1 for a difference to count: less than one false alarm
in a hundred pairs, since the ratio must also exceed the noise floor."""
_EQUIVALENCE = 0.90
"""An interval of this level within the bounds is two one-sided tests at 5 % (D. Schuirmann,
J. Pharmacokinetics and Biopharmaceutics 15, 1987)."""
PairVerdict = Literal["slower", "faster", "the same", "no difference shown"]


@dataclass(frozen=True)
class Judged:
    """The ratio of a pair, first over second, with its 95 % interval and its verdict."""

    ratio: Estimate
    verdict: PairVerdict
    """``slower`` and ``faster`` describe the first entry; ``the same``: within the bounds."""


def judge(
    first: ratios.Rounds, second: ratios.Rounds, floor: float, within_percent: float = 5.0
) -> Judged:
    """Return the ratio of two latencies and its verdict.

    Each latency is processes -> (rounds,) milliseconds, of the same rounds. A difference counts if
    the 99 % interval of the ratio excludes 1 and the ratio exceeds the noise floor ``floor``, an
    absolute log ratio. Otherwise the verdict is ``the same`` if the 90 % interval lies within
    ``within_percent``, else ``no difference shown``.
    """
    logs = ratios.within_rounds(first, second)
    reported, narrow, wide = (ratios.interval(logs, level) for level in (0.95, _EQUIVALENCE, LEVEL))
    ratio = Estimate(exp(reported.value), exp(reported.low), exp(reported.high))
    if (wide.low > 0 or wide.high < 0) and abs(reported.value) > floor:
        return Judged(ratio, "slower" if reported.value > 0 else "faster")
    bound = log(1 + within_percent / 100)
    if -bound < narrow.low and narrow.high < bound and len(logs) > 1:
        return Judged(ratio, "the same")
    return Judged(ratio, "no difference shown")


def compare(
    records: Iterable[Record],
    comparisons: Sequence[Comparison] | None = None,
    *,
    allowed: Sequence[str] = ("input size",),
) -> tuple[list[Discrepancy], list[Control]]:
    """Return all compared pairs, largest difference first, and the controls of all runs.

    A pair is compared if both entries are in one of ``comparisons`` (without these: have one
    architecture) and were measured in one run. It is a discrepancy only if the difference exceeds
    the noise of that run's controls; without a control, no difference counts. Pairs whose
    conditions differ are not comparable; ``allowed`` names conditions that may differ.
    """
    records = list(records)
    macs = {
        (r.zoo, r.model): r.values.macs for r in records if isinstance(r.values, ArchitectureValues)
    }
    groups: dict[str, list[Record]] = {}
    for record in records:
        if isinstance(record.values, LatencyValues):
            groups.setdefault(record.values.group, []).append(record)
    discrepancies: list[Discrepancy] = []
    controls: list[Control] = []
    for members in groups.values():
        own_controls = _controls(members)
        controls += own_controls
        noise = (log(1 + aa_control.noise_percent / 100) for aa_control in own_controls)
        floor = max(noise, default=None)
        originals = [r for r in members if _values(r).repeat == 0]
        for first, second in combinations(originals, 2):
            name = _comparison_of(first, second, originals, comparisons)
            if name is not None:
                pair = _pair(first, second, floor, allowed)
                known = {"architecture": name}
                if pair.verdict == "discrepancy" and floor is not None:
                    known |= _why(pair, (first, second), members, floor, macs)
                discrepancies.append(pair.model_copy(update=known))
    discrepancies.sort(key=lambda d: d.difference, reverse=True)
    return discrepancies, controls


def _comparison_of(
    first: Record,
    second: Record,
    run: Sequence[Record],
    comparisons: Sequence[Comparison] | None,
) -> str | None:
    """Return the name of the comparison of two entries, or None if they are not compared.

    If several comparisons contain both, the one with exactly the entries of the run is preferred.
    """
    if comparisons is None:
        return first.architecture if first.architecture == second.architecture else None
    timed = {record.entry for record in run}
    both = [
        comparison
        for comparison in comparisons
        if comparison.kind == "latency" and {first.entry, second.entry} <= set(comparison.entries)
    ]
    both.sort(key=lambda comparison: set(comparison.entries) != timed)
    return both[0].name if both else None


def _values(record: Record) -> LatencyValues:
    assert isinstance(record.values, LatencyValues)
    return record.values


def _controls(members: list[Record]) -> list[Control]:
    controls = []
    for copy in (r for r in members if _values(r).repeat == 1):
        for original in members:
            if original.entry == copy.entry and _values(original).repeat == 0:
                ratio = ratios.ratio(by_process(_values(original)), by_process(_values(copy)))
                controls.append(control(original.entry, ratio))
    return controls


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
    unequal = _incomparable(slow, fast, allowed)
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


def _why(
    pair: Discrepancy,
    records: tuple[Record, Record],
    run: Sequence[Record],
    floor: float,
    macs: Mapping[tuple[str, str], int],
) -> dict[str, Any]:
    """Return the causes and factors of a discrepancy, or its note with the reason why not."""
    slow, fast = sorted(records, key=lambda record: record.entry != pair.high_entry)
    known = macs.get((slow.zoo, slow.model)), macs.get((fast.zoo, fast.model))
    fewer: list[Cause] = []
    if known[0] is not None and known[1] is not None and known[0] < known[1]:
        counts = [f"{number / 1e9:.2f} G" for number in known if number is not None]
        words = f"{slow.entry}: it has {counts[0]} multiply-accumulates, {fast.entry} {counts[1]}"
        fewer.append(Cause(code="LAT103", words=words))
    parts = recorded_parts(slow, fast, run)
    layers = _layers(slow, fast)
    if parts is None:
        return {"causes": fewer, "layers": layers}
    if parts.reason:
        note = "; ".join(filter(None, (pair.note, f"not decomposed: {parts.reason}")))
        return {"causes": fewer, "note": note, "layers": layers}
    causes = [*causes_of(parts, floor, slow.entry, fast.entry), *fewer]
    words = f"{slow.entry} is slower, and no single factor exceeds the noise of the run"
    return {
        "causes": causes or [Cause(code="LAT101", words=words)],
        "factors": factors_of(parts),
        "layers": layers,
    }


def _layers(slow: Record, fast: Record) -> LayerTimes | None:
    """Return the recorded times of layers of two entries, the slower first; None without any."""
    for times in _values(slow).layers:
        if times.second == fast.entry:
            return times
    for times in _values(fast).layers:
        if times.second == slow.entry:
            return times.exchanged
    return None


def _verdict(judged: Judged, floor: float | None) -> Verdict:
    if judged.verdict in {"slower", "faster"}:
        return "discrepancy"
    inside = judged.ratio.low <= 1 <= judged.ratio.high
    return "no difference" if inside and floor is not None else "within noise"


def _environment(record: Record) -> Environment | None:
    """Return the environment of a record; None if the record lacks it."""
    try:
        return Environment.from_dict(_values(record).environment)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None


def _incomparable(slow: Record, fast: Record, allowed: Sequence[str]) -> list[str]:
    """Return what makes two records incomparable: the machine, or else undeclared conditions."""
    places = [environment for r in (slow, fast) if (environment := _environment(r)) is not None]
    if len(places) == 2:
        # Only the machine must be the same; the libraries of two zoos may differ.
        unlike = comparable(*(Environment(environment.machine) for environment in places))
        if unlike:
            return unlike
    sides = [
        MeasuredConditions(r.entry, r.zoo, "", _values(r).conditions)
        for r in (slow, fast)
        if _values(r).conditions
    ]
    if len(sides) < 2:
        return []
    return [
        f"{condition} {slow_value} | {fast_value}"
        for condition, (slow_value, fast_value) in differences(*sides).items()
        if condition not in allowed
    ]


def _note(slow: Record, fast: Record, floor: float | None, unequal: list[str]) -> str | None:
    notes = [f"unequal, and not declared: {mismatch}" for mismatch in unequal]
    if floor is None:
        notes.append("the run has no A/A control, so no difference of it counts")
    shapes = [record.conditions.get("input_shape") for record in (slow, fast)]
    if shapes[0] != shapes[1]:
        notes.append("the inputs differ in size")
    if "placeholder" in (slow.weights.state, fast.weights.state):
        notes.append("constant placeholder weights may run at another speed than real ones")
    return "; ".join(notes) or None
