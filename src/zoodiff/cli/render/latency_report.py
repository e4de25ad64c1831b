"""The output of ``zoodiff latency``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render import latency as latency_measured
from zoodiff.cli.render import latency_attribution
from zoodiff.cli.render.latency_tables import print_findings, print_scope, print_timings

if TYPE_CHECKING:
    from zoodiff.api.latency_report import LatencyReport


def print_report(report: LatencyReport) -> None:
    """Print latencies, ratios, their attribution, and the extras."""
    attribution, extras = report.attribution, report.extras
    print_timings(report.timings)
    for pair in attribution.pairs:
        latency_attribution.print_parts(pair.parts, pair.first, pair.second)
        if pair.profile is not None:
            latency_attribution.print_profile(pair.profile)
    if attribution.peaks is not None:
        latency_attribution.print_roofline(attribution.rooflines, attribution.peaks)
    if extras.cold:
        latency_measured.print_cold(extras.cold)
    if extras.sweep is not None:
        latency_measured.print_sweep(extras.sweep)
    if extras.scenarios:
        latency_measured.print_scenarios(extras.scenarios)
    if extras.environment is not None:
        latency_attribution.print_environment(extras.environment)
    print_scope(report.timings)
    print_findings(list(report.findings))
