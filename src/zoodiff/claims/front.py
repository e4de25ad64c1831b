"""The Pareto front of candidates: which network no other beats in everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.claims.candidates import Candidate, Figure
from zoodiff.stats import pareto

Standing = Literal["front", "dominated", "not ranked"]
FIGURES = {
    "top1": ("top1_percent", True),
    "macs": ("macs", False),
    "size": ("bytes", False),
    "latency": ("milliseconds", False),
}
"""Column -> (field of a candidate, whether larger is better)."""


@dataclass(frozen=True)
class WhichRow:
    """A candidate and its place."""

    candidate: Candidate
    standing: Standing
    """``front``: no comparable candidate is at least as good in everything and better in one."""
    reason: str | None
    """Why it is not ranked."""
    origin: str
    """``claim``, ``measured``, or which of its numbers were measured."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        placed = {"standing": self.standing, "reason": self.reason, "origin": self.origin}
        return asdict(self.candidate) | placed


def figure_of(candidate: Candidate, column: str) -> Figure | None:
    """Return a candidate's number in a column of ``FIGURES``; None if it is unknown."""
    figure: Figure | None = getattr(candidate, FIGURES[column][0])
    return figure


def ranked(candidates: Sequence[Candidate], columns: Sequence[str]) -> list[WhichRow]:
    """Return the candidates with their standing, in their order.

    ``columns`` are the columns of ``FIGURES`` that they are compared by.
    """
    reasons = [_reason(candidate, columns) for candidate in candidates]
    groups: dict[str, list[int]] = {}
    for index, candidate in enumerate(candidates):
        if reasons[index] is None:
            groups.setdefault(_basis(candidate), []).append(index)
    better = [FIGURES[column][1] for column in columns]
    on_front = set()
    for members in groups.values():
        values = [
            [figure.value for column in columns if (figure := figure_of(candidates[k], column))]
            for k in members
        ]
        flags = pareto.front(values, better)
        on_front |= {index for index, flag in zip(members, flags, strict=True) if flag}
    rows = []
    for index, candidate in enumerate(candidates):
        standing: Standing = "dominated"
        if reasons[index] is not None:
            standing = "not ranked"
        elif index in on_front:
            standing = "front"
        rows.append(WhichRow(candidate, standing, reasons[index], _origin(candidate, columns)))
    return rows


def _reason(candidate: Candidate, columns: Sequence[str]) -> str | None:
    """Return why a candidate has no place: a figure is unknown or doubtful."""
    missing = [column for column in columns if figure_of(candidate, column) is None]
    if missing:
        return f"no {', '.join(missing)} known"
    for column in columns:
        figure = figure_of(candidate, column)
        if figure is not None and figure.doubtful:
            return f"doubtful: {figure.doubtful}"
    return None


def _basis(candidate: Candidate) -> str:
    """Return what accuracies must share to be compared: the claims' test set, or the data."""
    top1 = candidate.top1_percent
    return top1.source if top1 is not None and top1.origin == "measured" else "claim"


def _origin(candidate: Candidate, columns: Sequence[str]) -> str:
    figures = {column: figure_of(candidate, column) for column in columns}
    known = {column: figure for column, figure in figures.items() if figure is not None}
    measured = [column for column, figure in known.items() if figure.origin == "measured"]
    if not measured:
        return "claim"
    others = [column for column, figure in known.items() if figure.origin == "claim"]
    return "measured" if not others else f"claim; {', '.join(measured)} measured"
