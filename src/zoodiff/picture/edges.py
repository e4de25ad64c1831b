"""Edges as lines beside the rows: a straight rail to the next layer, and lanes for the rest.

A lane is a vertical line that one layer's result has for itself from its row to the last row that
reads it, as in the drawing of a history of versions. Lanes keep apart in every state of folding,
since folding moves rows together and never past each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lane:
    """One result that is read further down than in the next row of its side."""

    source: int
    """Row that computes it."""
    readers: tuple[int, ...]
    """Rows that read it, in order."""
    number: int
    """0 is the lane next to the layers."""


@dataclass(frozen=True)
class Edges:
    """All edges of one network."""

    rails: tuple[tuple[int, int], ...]
    """From a row to the next row of this side, which reads it."""
    lanes: tuple[Lane, ...]

    @property
    def width(self) -> int:
        """The number of lanes side by side."""
        return max((lane.number + 1 for lane in self.lanes), default=0)


def edges(read: Sequence[Sequence[int]], occupied: Sequence[bool]) -> Edges:
    """Return the edges of a side: ``read`` has the rows that each row reads."""
    readers: dict[int, list[int]] = {}
    for row, sources in enumerate(read):
        for source in sources:
            readers.setdefault(source, []).append(row)
    below = _below(occupied)
    rails, lanes, ends = [], [], list[int]()
    for source in sorted(readers):
        far = tuple(sorted(row for row in readers[source] if row != below[source]))
        if len(far) < len(readers[source]):
            rails.append((source, below[source]))
        if far:
            number = next((k for k, end in enumerate(ends) if end <= source), len(ends))
            ends[number : number + 1] = [far[-1]]
            lanes.append(Lane(source, far, number))
    return Edges(tuple(rails), tuple(lanes))


def _below(occupied: Sequence[bool]) -> list[int]:
    """For each row, the next row in which the side has a layer; -1 where there is none."""
    below, result = -1, [-1] * len(occupied)
    for row in range(len(occupied) - 1, -1, -1):
        result[row] = below
        below = row if occupied[row] else below
    return result
