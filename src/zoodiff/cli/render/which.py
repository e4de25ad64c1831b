"""The table of candidates, the Pareto front first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from zoodiff.cli.render.claims_notes import WIDTH
from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.claimed.which_report import Figure, WhichReport, WhichRow

_SIGNS = {"front": "*", "dominated": "", "not ranked": "-"}


def print_which(report: WhichReport, *, most: int) -> None:
    """Print candidates and what they are ranked by."""
    timed = report.latency_conditions is not None
    rows = report.rows[:most]
    numbers = ("top-1 %", "MACs", "MB", *(("ms",) if timed else ()), "px")
    print_table(
        ["", ("network", "fold"), *((name, "right") for name in numbers), ("from", "fold")],
        [_row(row, timed) for row in rows],
        width=WIDTH,
    )
    names = {"top1": "top-1", "macs": "MACs", "size": "size", "latency": "latency"}
    ranked_by = ", ".join(names[column] for column in report.ranked_by)
    print_line(f"* Pareto front of {ranked_by}: none is as good in all and better in one.")
    ranked = [row.candidate.top1_percent for row in report.rows if row.standing != "not ranked"]
    if {figure.origin for figure in ranked if figure is not None} >= {"claim", "measured"}:
        print_line("Measured and claimed accuracies are not compared: each have their own front.")
    if report.latency_conditions is not None:
        print_line(f"ms {report.latency_conditions}.")
    if any(row.standing == "not ranked" for row in rows):
        print_line("- not ranked:")
        reasons = Counter(row.reason for row in rows if row.standing == "not ranked")
        for reason, count in reasons.most_common():
            print_line(f"  {count}: {reason}")
    if any(not row.candidate.is_entry for row in rows):
        print_line("claim only: zoodiff has no such entry.")
    if any(row.candidate.extra_data for row in rows):
        print_line("+ extra training data, distilled or pruned.")
    if any(row.candidate.precision == "int8" for row in rows):
        print_line("† quantised (int8).")
    if any(_is_computed(row.candidate.bytes) for row in rows):
        print_line("~ computed from the number of parameters.")
    shown = f"{len(rows)} of {report.left}" if len(rows) < report.left else f"{report.left}"
    print_line(f"{shown} candidates, of {report.known} before filters.")


def _row(row: WhichRow, timed: bool) -> list[str]:
    candidate = row.candidate
    origin = row.origin if candidate.is_entry else f"{row.origin} only"
    marks = ("†" if candidate.precision == "int8" else "") + ("+" if candidate.extra_data else "")
    cells = [
        _SIGNS[row.standing],
        candidate.name + (f" {marks}" if marks else ""),
        _number(candidate.top1_percent, 1.0, "{:.2f}"),
        _number(candidate.macs, 1e9, "{:.3f}G"),
        ("~" if _is_computed(candidate.bytes) else "") + _number(candidate.bytes, 1e6, "{:.1f}"),
    ]
    if timed:
        cells.append(_number(candidate.milliseconds, 1.0, "{:.4g}"))
    size = "" if candidate.input_size is None else str(candidate.input_size)
    return [*cells, size, origin]


def _number(figure: Figure | None, unit: float, form: str) -> str:
    if figure is None:
        return ""
    return form.format(figure.value / unit) + ("?" if figure.doubtful else "")


def _is_computed(figure: Figure | None) -> bool:
    return figure is not None and figure.origin == "computed"
