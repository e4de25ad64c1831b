"""Tables of latencies, pairs and conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table
from zoodiff.cli.render.entry_names import EntryNames

if TYPE_CHECKING:
    from zoodiff.api.values.latency import LatencyFinding, Timings

_ENDED = {
    "narrow enough": "the ratios are known well enough",
    "time spent": "the time was spent",
    "most processes": "there were as many processes as allowed",
}


def print_pairs(timings: Timings, names: EntryNames) -> None:
    """Print the ratio of every pair with its verdict."""
    if not timings.pairs:
        return
    print_table(
        ["first", "second", ("ratio", "right"), ("95 %", "right"), "the first is"],
        [
            [
                names.of(pair.first),
                names.of(pair.second),
                f"{pair.ratio.value:.3f}",
                f"{pair.ratio.low:.3f} to {pair.ratio.high:.3f}",
                _verdict(pair.verdict, timings.within_percent),
            ]
            for pair in timings.pairs
        ],
        title="pairs",
    )


def print_end(timings: Timings) -> None:
    """Print how much was measured and why the measurement ended."""
    if timings.recorded is not None:
        print_line(
            f"taken from the results folder, measured {timings.recorded}; --fresh measures again"
        )
    print_line(f"{timings.processes} processes of each; ended because {_ENDED[timings.stopped]}")
    if timings.needed_seconds is not None and timings.stopped != "narrow enough" and timings.pairs:
        print_line(f"the target would take about --seconds {timings.needed_seconds:,.0f}")


def print_scope(timings: Timings) -> None:
    """Print the shared conditions in one line, and the differing ones side by side."""
    shared, _ = _conditions(timings)
    print_line("measured: " + "; ".join(f"{condition} {value}" for condition, value in shared))
    print_differing_conditions(timings)
    overhead = max(row.overhead for row in timings.rows)
    print_line(f"the clock itself shows {1e6 * overhead:,.0f} ns a call")
    print_line()


def print_differing_conditions(timings: Timings) -> None:
    """Print the conditions that are not the same for all networks."""
    for condition, values in _conditions(timings)[1]:
        print_line(f"differs by zoo, declared: {condition}: " + " | ".join(values))


def _conditions(timings: Timings) -> tuple[list[tuple[str, str]], list[tuple[str, list[str]]]]:
    """Return the conditions that all networks share, and the values of the rest per network."""
    shared: list[tuple[str, str]] = []
    apart: list[tuple[str, list[str]]] = []
    for condition in timings.rows[0].conditions:
        values = [row.conditions.get(condition, "") for row in timings.rows]
        if len(set(values)) == 1:
            shared.append((condition, values[0]))
        else:
            apart.append((condition, values))
    return shared, apart


def print_findings(findings: Iterable[LatencyFinding], names: EntryNames) -> None:
    """Print one line per finding, with its code."""
    for finding in findings:
        print_line(f"{finding.code}  {names.in_text(finding.sentence)}")


def _verdict(verdict: str, within: float) -> str:
    return f"the same within {within:g} %" if verdict == "the same" else verdict
