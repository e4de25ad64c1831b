"""Format candidates and their Pareto front: charts of accuracy over cost, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.claims.candidates import Figure
from zoodiff.claims.front import WhichRow, figure_of
from zoodiff.report.charts import scatter
from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import Number

_COSTS = {
    "macs": ("MACs, G", 1e9),
    "size": ("size, MB", 1e6),
    "latency": ("latency, ms", 1.0),
}
"""Column -> (name of the axis, its unit)."""
_STANDING = {"front": "front", "dominated": "", "not ranked": "not ranked"}


@dataclass(frozen=True)
class Chart:
    """A chart, and what it shows."""

    caption: str
    svg: Markup


@dataclass(frozen=True)
class ChoiceLine:
    """A formatted candidate."""

    name: str
    standing: str
    reason: str | None
    top1: Number
    macs: Number
    size: Number
    latency: Number
    input_size: Number
    origin: str
    """``claim``, ``measured``, or which of its numbers were measured."""
    marks: str


@dataclass(frozen=True)
class ChoicePart:
    """The formatted candidates."""

    lead: str
    charts: tuple[Chart, ...]
    lines: tuple[ChoiceLine, ...]
    timed: bool
    notes: tuple[str, ...]


def part(
    rows: Sequence[WhichRow], ranked_by: Sequence[str], latency_conditions: str | None
) -> ChoicePart:
    """Return the formatted candidates, with a chart per kind of cost that is known of two."""
    timed = latency_conditions is not None
    notes = []
    if latency_conditions is not None:
        notes.append(f"Latency {latency_conditions}.")
    if any(_is_computed(row.candidate.bytes) for row in rows):
        notes.append("~ is computed from the number of parameters.")
    if any(row.candidate.extra_data for row in rows):
        notes.append("+ marks extra training data, distillation or pruning.")
    if any(row.candidate.precision == "int8" for row in rows):
        notes.append("† marks quantised networks (int8).")
    words = {"top1": "top-1", "macs": "MACs", "size": "size", "latency": "latency"}
    named = numbers.listing(words[column] for column in ranked_by)
    return ChoicePart(
        lead=f"The Pareto front of {named}: no other network is as good in all and better in one. "
        "Measured and claimed accuracies have separate fronts, since they are of other images. "
        "In the charts, filled marks are on the front; squares were measured, circles are claims; "
        "the line joins the front's best accuracy for each cost.",
        charts=tuple(chart for column in _COSTS if (chart := _chart(rows, column)) is not None),
        lines=tuple(map(_line, rows)),
        timed=timed,
        notes=tuple(notes),
    )


def _chart(rows: Sequence[WhichRow], column: str) -> Chart | None:
    """Return the chart of accuracy over a cost; None if it would have less than two points."""
    name, unit = _COSTS[column]
    points = []
    for row in rows:
        cost, top1 = figure_of(row.candidate, column), row.candidate.top1_percent
        if cost is None or top1 is None or cost.value <= 0 or row.standing == "not ranked":
            continue
        points.append(
            scatter.Point(
                cost.value,
                top1.value,
                f"{row.candidate.name}: top-1 {top1.value:.2f} % ({top1.origin}), "
                f"{name.partition(',')[0]} {numbers.scaled(cost.value)} ({cost.origin})",
                on_front=row.standing == "front",
                measured=top1.origin == "measured",
            )
        )
    if len(points) < 2:
        return None
    caption = f"Top-1 in percent over {name}"
    return Chart(caption, scatter.chart(points, cost=name, unit=unit, title=caption))


def _line(row: WhichRow) -> ChoiceLine:
    candidate = row.candidate
    is_int8, extra = candidate.precision == "int8", candidate.extra_data
    size = candidate.input_size
    return ChoiceLine(
        name=candidate.name,
        standing=_STANDING[row.standing],
        reason=row.reason,
        top1=_number(candidate.top1_percent, 1.0, 2),
        macs=_number(candidate.macs, 1e9, 3),
        size=_number(candidate.bytes, 1e6, 1),
        latency=_number(candidate.milliseconds, 1.0, 2),
        input_size=Number("" if size is None else str(size), sort=size),
        origin=row.origin if candidate.is_entry else f"{row.origin} only",
        marks=("†" if is_int8 else "") + ("+" if extra else ""),
    )


def _number(figure: Figure | None, unit: float, decimals: int) -> Number:
    if figure is None:
        return Number("")
    before = "~" if _is_computed(figure) else ""
    after = "?" if figure.doubtful else ""
    text = f"{before}{numbers.fixed(figure.value / unit, decimals)}{after}"
    doubt = f"; doubtful: {figure.doubtful}" if figure.doubtful else ""
    return Number(text, f"{figure.origin}: {figure.source}{doubt}", figure.value)


def _is_computed(figure: Figure | None) -> bool:
    return figure is not None and figure.origin == "computed"
