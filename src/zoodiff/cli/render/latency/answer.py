"""The first lines of ``zoodiff latency``: which network is faster, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import columns_available, print_line, print_table
from zoodiff.cli.render.entry_names import EntryNames
from zoodiff.cli.render.latency.attribution import difference_of

if TYPE_CHECKING:
    from zoodiff.api.latency_report import LatencyReport
    from zoodiff.api.values.latency import Estimate, LatencyProfile, RatioParts, Timings

_WIDE = 100
"""Columns from which a table has the rarer percentiles and the memory."""
_MOST_REASONS = 5
_LEAST_SHARE = 0.1
"""Least share of a difference that names a group of layers."""


@dataclass(frozen=True)
class AgainstFastest:
    """The ratio of a network's latency to that of the fastest, with its verdict."""

    name: str
    value: float
    low: float
    high: float
    verdict: str
    """``slower``, ``the same`` or ``no difference shown``."""


def compared_with_fastest(timings: Timings) -> list[AgainstFastest]:
    """Return the networks but the fastest in order of their latency."""
    fastest, *others = sorted(timings.rows, key=lambda row: row.median.value)
    ratios = []
    for row in others:
        pair = timings.pair(row.name, fastest.name)
        if pair is not None:
            ratio = pair.ratio
            ratios.append(
                AgainstFastest(row.name, ratio.value, ratio.low, ratio.high, pair.verdict)
            )
            continue
        pair = timings.pair(fastest.name, row.name)
        if pair is not None:
            value, low, high = 1 / pair.ratio.value, 1 / pair.ratio.high, 1 / pair.ratio.low
            verdict = {"faster": "slower", "slower": "faster"}.get(pair.verdict, pair.verdict)
            ratios.append(AgainstFastest(row.name, value, low, high, verdict))
    return ratios


def answer(timings: Timings, names: EntryNames) -> str:
    """Return the answer of a run in one sentence."""
    busy = _unusable(timings)
    if busy is not None:
        return f"not usable here: {names.in_text(busy)}"
    ratios = compared_with_fastest(timings)
    if not ratios:
        row = timings.rows[0]
        return f"{names.of(row.name)} takes {_milliseconds(row.median)} a batch of {row.batch}"
    fastest = min(timings.rows, key=lambda row: row.median.value)
    name = names.of(fastest.name)
    if len(ratios) == 1:
        return _of_two(names.of(ratios[0].name), name, ratios[0], timings.within_percent)
    level = [names.of(ratio.name) for ratio in ratios if ratio.verdict != "slower"]
    slower = [ratio for ratio in ratios if ratio.verdict == "slower"]
    if not slower:
        return f"no difference in latency was shown among {_listed([name, *level])}"
    last = slower[-1]
    slowest = f"{names.of(last.name)} takes {_times(last)} as long"
    if level:
        return f"{_listed([name, *level])} are fastest, without a difference shown; {slowest}"
    return f"{name} is fastest; {slowest}"


def _of_two(slow: str, fast: str, ratio: AgainstFastest, within: float) -> str:
    if ratio.verdict == "the same":
        return f"{fast} and {slow} take the same time within {within:g} %: ratio {_interval(ratio)}"
    if ratio.verdict == "no difference shown":
        return f"no difference between {fast} and {slow} was shown: ratio {_interval(ratio)}"
    return f"{slow} takes {_times(ratio)} as long as {fast}"


def _unusable(timings: Timings) -> str | None:
    """Return why no latency can be stated; None if every interval is narrower than its value."""
    for row in timings.rows:
        if row.median.high - row.median.low > row.median.value:
            return (
                f"the machine was too busy ({row.name}: {_milliseconds(row.median)}); stop other "
                "programs, or allow more time with --seconds"
            )
    for ratio in compared_with_fastest(timings):
        if ratio.high - ratio.low > ratio.value:
            return (
                f"the machine was too busy ({ratio.name}: {_interval(ratio)} times the "
                "fastest); stop other programs, or allow more time with --seconds"
            )
    return None


def print_answer(timings: Timings, names: EntryNames) -> None:
    """Print the answer, the networks from fast to slow, and the controls."""
    print_line(answer(timings, names))
    weights = {row.weights for row in timings.rows}
    _print_table(timings, names, columns_available(), weights=len(weights) > 1)
    if len(weights) == 1:
        print_line(f"weights: {weights.pop()}")
    for control in timings.controls:
        print_line(
            f"control: {names.of(control.entry)} against its own copy {control.ratio.value:.3f} "
            f"({control.ratio.low:.3f} to {control.ratio.high:.3f}); smaller differences than "
            f"{control.noise_percent:.1f} % do not count"
        )


def _print_table(timings: Timings, names: EntryNames, width: int, *, weights: bool) -> None:
    """Print the networks from fast to slow; the rarer columns only where they fit."""
    wide = width >= _WIDE
    digits = 4 if wide else 3
    ratios = {ratio.name: ratio for ratio in compared_with_fastest(timings)}
    columns: list[str | tuple[str, str]] = [("network", "fold"), ("ms a batch", "right"), "95 %"]
    columns += [("p90", "right"), ("p99", "right"), ("memory", "right")] if wide else []
    columns += [("images/s", "right")]
    columns += [("times the fastest", "fold")] if ratios else []
    columns += ["weights"] if weights else []
    rows = []
    for row in sorted(timings.rows, key=lambda row: row.median.value):
        low, high = (f"{limit:.{digits}g}" for limit in (row.median.low, row.median.high))
        cells = [names.of(row.name), f"{row.median.value:.{digits}g}", f"{low} to {high}"]
        if wide:
            memory = f"{row.peak_rss_bytes / 1e6:,.0f} MB"
            cells += [f"{row.p90:.4g}", f"{row.p99:.4g}", memory]
        cells.append(f"{row.images_per_second:,.1f}" if wide else f"{row.images_per_second:,.0f}")
        if ratios:
            cells.append(_against(ratios.get(row.name), timings))
        if weights:
            cells.append(row.weights)
        rows.append(cells)
    print_table(columns, rows, width=width)


def _against(ratio: AgainstFastest | None, timings: Timings) -> str:
    if ratio is None:
        return ""
    if ratio.verdict == "slower":
        return _interval(ratio)
    within = f" within {timings.within_percent:g} %" if ratio.verdict == "the same" else ""
    return f"{_interval(ratio)}, {ratio.verdict}{within}"


def print_reasons(report: LatencyReport, names: EntryNames) -> None:
    """Print a line for every difference that counts: its factors, and the layers where it lies."""
    lines = list(_reasons(report, names))
    for line in lines[:_MOST_REASONS]:
        print_line(line)
    more = f"{len(lines) - _MOST_REASONS} more pairs, " if len(lines) > _MOST_REASONS else ""
    if lines:
        print_line(f"--why prints {more}all factors, layers and conditions")


def _reasons(report: LatencyReport, names: EntryNames) -> Iterator[str]:
    margin = 1 + report.timings.within_percent / 100
    for pair in report.attribution.pairs:
        judged = report.timings.pair(pair.first, pair.second)
        if judged is None or judged.verdict not in ("slower", "faster"):
            continue
        if 1 / margin < judged.ratio.low and judged.ratio.high < margin:
            continue  # shown, but smaller than what the user calls the same
        sides = f"{names.of(pair.first)} / {names.of(pair.second)} {judged.ratio.value:.2f}"
        if pair.parts.reason:
            yield f"why  {sides}: not taken apart, {names.in_text(pair.parts.reason)}"
            continue
        where = "" if pair.profile is None else _layers(pair.profile)
        yield f"why  {sides}: {_factors(pair.parts)}{where}"


def _factors(parts: RatioParts) -> str:
    named = (
        ("architecture", parts.architecture),
        ("framework", parts.framework),
        ("inside one only", parts.inside),
    )
    shown = [
        f"{name} {part.value:.2f}"
        for name, part in named
        if part is not None and not part.low <= 1 <= part.high
    ]
    return " x ".join(shown) or "no part of it alone is shown to differ from 1"


def _layers(profile: LatencyProfile) -> str:
    whole = difference_of(profile)
    if whole is None:
        return ""
    groups = [
        f"{name} {100 * (a - b) / whole:.0f} %"
        for name, a, b in profile.grouped()
        if (a - b) / whole >= _LEAST_SHARE and not name.startswith("noise")
    ]
    return f"; layers: {', '.join(groups[:3])}" if groups else ""


def _times(ratio: AgainstFastest) -> str:
    return f"{ratio.value:.2f} times (95 %: {ratio.low:.2f} to {ratio.high:.2f})"


def _interval(ratio: AgainstFastest) -> str:
    return f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _milliseconds(median: Estimate) -> str:
    return f"{median.value:.4g} ms (95 %: {median.low:.4g} to {median.high:.4g})"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
