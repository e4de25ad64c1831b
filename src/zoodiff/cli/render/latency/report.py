"""The output of ``zoodiff latency``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.entry_names import EntryNames
from zoodiff.cli.render.latency.answer import print_answer, print_reasons
from zoodiff.cli.render.latency.attribution import (
    print_environment,
    print_parts,
    print_profile,
    print_roofline,
)
from zoodiff.cli.render.latency.extras import print_cold, print_scenarios, print_sweep
from zoodiff.cli.render.latency.tables import (
    print_differing_conditions,
    print_end,
    print_findings,
    print_pairs,
    print_scope,
)

if TYPE_CHECKING:
    from zoodiff.api.latency_report import LatencyReport


def print_report(report: LatencyReport, names: EntryNames, *, why: bool) -> None:
    """Print the answer, the latencies and the reasons of differences that count.

    With ``why`` all pairs, their factors and layers, the peaks and all conditions are printed too.
    """
    names = names.known(row.name for row in report.timings.rows)
    print_answer(report.timings, names)
    if why:
        _print_attribution(report, names)
    else:
        print_reasons(report, names)
    extras = report.extras
    if extras.cold:
        print_cold(extras.cold)
    if extras.sweep is not None:
        print_sweep(extras.sweep)
    if extras.scenarios:
        print_scenarios(extras.scenarios)
    if extras.environment is not None:
        print_environment(extras.environment)
    if why:
        print_scope(report.timings)
    else:
        print_differing_conditions(report.timings)
    stated = [finding for finding in report.findings if why or finding.code != "LAT101"]
    print_findings(stated, names)
    print_end(report.timings)


def _print_attribution(report: LatencyReport, names: EntryNames) -> None:
    print_pairs(report.timings, names)
    for pair in report.attribution.pairs:
        first, second = names.of(pair.first), names.of(pair.second)
        print_parts(pair.parts, first, second)
        if pair.profile is not None:
            print_profile(pair.profile, first, second)
    if report.attribution.peaks is not None:
        rooflines = report.attribution.rooflines
        print_roofline(rooflines, report.attribution.peaks, names)
