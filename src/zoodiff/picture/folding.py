"""Which blocks are folded at first: those in which nothing of interest differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoodiff.picture.blocks import Block
from zoodiff.picture.levels import RANK, Level
from zoodiff.picture.scene import PlacedFinding, PlacedRow, Scene

_MOST_OPEN = 160
"""Rows in open blocks at first; above, only the first blocks with differences are open."""
_FEW = 12
"""Rows whose weights differ, up to which they open their blocks."""
_MUCH = 0.25
"""Share of all rows above which a difference is everywhere."""
_SAMPLE = 2
"""Rows that are shown of a difference that is everywhere."""


def interesting(scene: Scene) -> frozenset[int]:
    """Return the rows that a reader should see first.

    These are the causes where there are any; else what may change the function, or has no
    counterpart; else the few layers whose weights differ. Of a difference that is nearly
    everywhere (an epsilon) only the first rows count.
    """
    for chosen in (("cause",), ("may", "form")):
        findings = [f for f in scene.findings if f.level in chosen and f.rows]
        here = [f for f in findings if not _everywhere(f, scene)]
        if here:
            return frozenset(row for f in here for row in f.rows) | _lonely(scene)
        if findings:
            return frozenset(row for f in findings for row in f.rows[:_SAMPLE]) | _lonely(scene)
    weights = frozenset(n for n, row in enumerate(scene.rows) if row.level == "weights")
    return _lonely(scene) | (weights if len(weights) <= _FEW else frozenset())


def _everywhere(finding: PlacedFinding, scene: Scene) -> bool:
    return len(finding.rows) > max(_FEW, _MUCH * len(scene.rows))


def _lonely(scene: Scene) -> frozenset[int]:
    """Rows of layers without counterpart that a finding of effect is about."""
    return frozenset(
        n
        for n, row in enumerate(scene.rows)
        if (row.a is None or row.b is None)
        and row.row.elsewhere is None
        and RANK[row.level] < RANK["none"]
    )


def opened(scene: Scene) -> frozenset[tuple[int, int]]:
    """Return the blocks, as first and last row, that are open at first."""
    rows = interesting(scene)
    chosen: set[tuple[int, int]] = set()
    shown = 0
    for block in flat(scene.blocks):
        if not any(block.first <= row <= block.last for row in rows):
            continue
        leaf = not block.inner
        if leaf and shown + block.size > _MOST_OPEN and shown:
            continue
        chosen.add((block.first, block.last))
        shown += block.size if leaf else 0
    return frozenset(chosen)


def flat(blocks: Sequence[Block]) -> Iterator[Block]:
    """Yield blocks and their inner blocks, the outer first."""
    for block in blocks:
        yield block
        yield from flat(block.inner)


def counts(rows: Sequence[PlacedRow]) -> dict[Level, int]:
    """Return how many rows have each level."""
    result: dict[Level, int] = {}
    for row in rows:
        result[row.level] = result.get(row.level, 0) + 1
    return result
