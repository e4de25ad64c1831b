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
    reasons, others = report.attribution, report.extras
    print_timings(report.timings)
    for one in reasons.pairs:
        latency_attribution.print_parts(one.parts, one.first, one.second)
        if one.profile is not None:
            latency_attribution.print_profile(one.profile)
    if reasons.peaks is not None:
        latency_attribution.print_roofline(reasons.rooflines, reasons.peaks)
    if others.cold:
        latency_measured.print_cold(others.cold)
    if others.sweep is not None:
        latency_measured.print_sweep(others.sweep)
    if others.scenarios:
        latency_measured.print_scenarios(others.scenarios)
    if others.environment is not None:
        latency_attribution.print_environment(others.environment)
    print_scope(report.timings)
    print_findings(list(report.findings))
