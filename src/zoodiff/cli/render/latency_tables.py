"""Tables of latencies, pairs and conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.latency_values import LatencyFinding, Timings

_ENDED = {
    "narrow enough": "the ratios are known well enough",
    "time spent": "the time was spent",
    "most processes": "there were as many processes as allowed",
}


def print_timings(timings: Timings) -> None:
    """Print entries, pairs, the controls, and why the measurement ended."""
    print_table(
        [
            "entry",
            "weights",
            ("ms a batch", "right"),
            ("95 %", "right"),
            ("p90", "right"),
            ("p99", "right"),
            ("images/s", "right"),
            ("peak memory", "right"),
        ],
        [
            [
                row.name,
                row.weights,
                f"{row.median.value:.4g}",
                f"{row.median.low:.4g} to {row.median.high:.4g}",
                f"{row.p90:.4g}",
                f"{row.p99:.4g}",
                f"{row.images_per_second:,.1f}",
                f"{row.peak_rss_bytes / 1e6:,.0f} MB",
            ]
            for row in timings.rows
        ],
        title="latency",
    )
    if timings.pairs:
        print_table(
            ["first", "second", ("ratio", "right"), ("95 %", "right"), "the first is"],
            [
                [
                    pair.first,
                    pair.second,
                    f"{pair.ratio.value:.3f}",
                    f"{pair.ratio.low:.3f} to {pair.ratio.high:.3f}",
                    _verdict(pair.verdict, timings.within_percent),
                ]
                for pair in timings.pairs
            ],
            title="pairs",
        )
    for control in timings.controls:
        print_line(
            f"control: {control.entry} against its own copy {control.ratio.value:.3f} "
            f"[{control.ratio.low:.3f}, {control.ratio.high:.3f}]; "
            f"noise floor {control.noise_percent:.1f} %"
        )
    if timings.recorded is not None:
        print_line(
            f"taken from the results folder, measured {timings.recorded}; --fresh measures again"
        )
    print_line(f"{timings.processes} processes of each; ended because {_ENDED[timings.stopped]}")
    if timings.needed_seconds is not None and timings.stopped != "narrow enough" and timings.pairs:
        print_line(f"the target would take about --seconds {timings.needed_seconds:,.0f}")
    print_line()


def print_scope(timings: Timings) -> None:
    """Print the shared conditions in one line, and the differing ones side by side."""
    shared: list[tuple[str, list[str]]] = []
    apart: list[tuple[str, list[str]]] = []
    for condition in timings.rows[0].conditions:
        values = [row.conditions.get(condition, "") for row in timings.rows]
        (shared if len(set(values)) == 1 else apart).append((condition, values))
    print_line("measured: " + "; ".join(f"{condition} {values[0]}" for condition, values in shared))
    for condition, values in apart:
        print_line(f"differs by zoo, declared: {condition}: " + " | ".join(values))
    overhead = max(row.overhead for row in timings.rows)
    print_line(f"the clock itself shows {1e6 * overhead:,.0f} ns a call")
    print_line()


def print_findings(findings: Iterable[LatencyFinding]) -> None:
    """Print one line per finding, with its code."""
    for finding in findings:
        print_line(f"{finding.code}  {finding.sentence}")


def _verdict(verdict: str, within: float) -> str:
    return f"the same within {within:g} %" if verdict == "the same" else verdict
