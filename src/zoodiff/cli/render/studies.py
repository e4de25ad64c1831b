"""Print the result of a study, and the numbers of measured and reused records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table
from zoodiff.quantities import billions

if TYPE_CHECKING:
    from zoodiff.api.studies import StudyRun
    from zoodiff.api.values.study import Control, Discrepancy, Failure, Record, StudyResult


_ANSWERS = 10
"""Answers about graphs that are printed before the others are counted."""


def print_run(run: StudyRun) -> None:
    """Print the outcome of a run; first, if so, that nothing was compared."""
    if run.result.not_compared is not None:
        print_line(run.result.not_compared)
    print_line(
        f"{run.result.study}: {run.measured} measurements made, {run.reused} taken from the "
        f"store, {len(run.failures)} not measured"
    )
    print_failures(run.failures, "all in the report")


def print_failures(failures: Sequence[Failure], where: str) -> None:
    """Print up to ten failures, one per line, and where the others are listed."""
    for failure in failures[:10]:
        print_line(f"  not measured: {failure.kind} of {failure.entry}: {failure.reason}")
    if len(failures) > 10:
        print_line(f"  ... and {len(failures) - 10} more, {where}")


def print_result(result: StudyResult) -> None:
    """Print the rankings, controls, counts and preprocessing of a comparison."""
    from zoodiff.api.values.study import ArchitectureValues

    if result.not_compared is not None:
        print_line(result.not_compared)
    if result.claimed is not None:
        _print_ranking("claimed top-1", result.claimed.rows)
    _print_ranking("latency", result.latency)
    for control in result.controls:
        _print_control(control)
    described = [r for r in result.records if isinstance(r.values, ArchitectureValues)]
    if described:
        _print_counts(described)
        _print_answers(result)
        print_line()
        _print_preprocessing(described)
    print_failures(result.failures, "with --json")


def _print_answers(result: StudyResult) -> None:
    """Print what differs between the graphs of each comparison, one line per pair."""
    _print_mismatches(result)
    lines = []
    names = dict.fromkeys(graphs.comparison for graphs in result.graphs)
    for comparison in names:
        prefix = f"{comparison}: " if len(names) > 1 else ""
        lines += [
            f"{prefix}{difference.first} and {difference.second}: {difference.answer}"
            for difference in result.differences
            if difference.comparison == comparison
        ]
        lines += [
            f"{prefix}{graphs.same}"
            for graphs in result.graphs
            if graphs.comparison == comparison and graphs.same is not None
        ]
    for line in lines[:_ANSWERS]:
        print_line(line)
    if len(lines) > _ANSWERS:
        print_line(f"... and {len(lines) - _ANSWERS} more, with --json")
    if lines:
        print_line(
            "graphs alone were compared, nothing was run: zoodiff diff A B says whether two "
            "compute the same function"
        )


def _print_mismatches(result: StudyResult) -> None:
    """Print the counts in which entries differ, where their graphs were not compared."""
    described = {r.entry for r in result.records if r.kind == "architecture"}
    several = [
        comparison
        for comparison in result.comparisons
        if comparison.kind == "architecture" and len(described & set(comparison.entries)) > 1
    ]
    answered = {graphs.comparison for graphs in result.graphs}
    for comparison in several:
        if comparison.name in answered:
            continue
        differing = [
            mismatch for mismatch in result.mismatches if mismatch.architecture == comparison.name
        ]
        name = f"{comparison.name}: " if len(several) > 1 else ""
        if not differing:
            same = "equal in every count, which does not prove that they are the same network"
            print_line(f"{name}{same}")
            continue
        properties = ", ".join(mismatch.property for mismatch in differing)
        harmless = not any(mismatch.has_effect for mismatch in differing)
        note = " alone, as where norms are folded: see zoodiff diff" if harmless else ""
        print_line(f"{name}differ in: {properties}{note}")


def _print_control(control: Control) -> None:
    print_line(
        f"control: {control.entry} against itself {control.ratio.value:.3f} "
        f"[{control.ratio.low:.3f}, {control.ratio.high:.3f}]; "
        f"noise floor {control.noise_percent:.1f} %"
    )
    print_line()


def _print_counts(described: Sequence[Record]) -> None:
    from zoodiff.api.values.study import ArchitectureValues

    rows = []
    for record in described:
        values = record.values
        assert isinstance(values, ArchitectureValues)
        rows.append(
            [
                record.entry,
                f"{values.parameters:,}",
                billions(values.macs),
                f"{values.convolutions}/{values.normalisations}/{values.linear_layers}",
                "x".join(str(n) for n in values.input_shape[-2:]),
                "yes" if values.softmax_inside else "no",
                "yes" if values.preprocessing_inside else "no",
            ]
        )
    print_table(
        [
            "entry",
            ("parameters", "right"),
            ("MACs", "right"),
            ("conv/norm/linear", "right"),
            "input",
            "softmax inside",
            "preprocessing inside",
        ],
        rows,
        title="architecture",
    )


def _print_preprocessing(described: Sequence[Record]) -> None:
    from zoodiff.api.values.study import Preprocessing

    specs = [(record.entry, Preprocessing.from_dict(record.preprocessing)) for record in described]
    print_table(
        ["entry", "published", "preprocessing"],
        [[entry, spec.published, spec.sentence()] for entry, spec in specs],
        title="preprocessing",
    )


def _print_ranking(title: str, rows: list[Discrepancy]) -> None:
    if not rows:
        return
    print_table(
        ["higher", "lower", ("", "right"), ("", "right"), ("difference", "right"), "verdict"],
        [
            [
                f"{d.high_entry} ({d.high_weights})",
                f"{d.low_entry} ({d.low_weights})",
                f"{d.high:.4g} {d.unit}",
                f"{d.low:.4g} {d.unit}",
                _difference(d),
                d.verdict,
            ]
            for d in rows
        ],
        title=title,
    )


def _difference(row: Discrepancy) -> str:
    unit = "points" if row.difference_unit == "percentage points" else "%"
    interval = ""
    if row.interval is not None:
        interval = f" [{row.interval.low:.2f}, {row.interval.high:.2f}]"
    return f"{row.difference:.2f} {unit}{interval}"
