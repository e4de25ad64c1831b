"""The rows of a drawing for a paper: what differs, and the rest in a few folded items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from zoodiff.picture import folding, levels
from zoodiff.picture.blocks import Block
from zoodiff.picture.levels import Level
from zoodiff.picture.scene import Scene
from zoodiff.text import ELLIPSIS

MOST_ITEMS = 44
"""Items of a drawing; a column of a page has room for about as many."""
_ROOM = 30
"""Items up to which every folded block is an item of its own."""
_REPEATED = 3
"""Equal blocks in a row from which on they are one item."""
_SHORTEST_RUN = 2
"""Rows of nothing of interest that are folded into one item inside an open block."""


@dataclass(frozen=True)
class Item:
    """One row of a drawing: a layer, or several folded ones."""

    first: int
    last: int
    labels: tuple[str, str] = ("", "")
    """Of a folded block; empty for a run of layers."""
    folded: bool = False
    times: int = 1
    """How many equal blocks it stands for."""
    heading: bool = False
    """Whether it names the open block of the items below."""

    @property
    def rows(self) -> range:
        """The rows that it stands for."""
        return range(self.first, self.last + 1)


def condensed(scene: Scene, most: int = MOST_ITEMS) -> tuple[Item, ...]:
    """Return the items in order; every row is in exactly one that is no heading.

    Folded blocks are one item each where there is room, and else one with their neighbours.
    """
    parting = {scene.parting} if scene.parting is not None else set()
    wanted = folding.interesting(scene) | parting
    items = _items(scene, scene.blocks, 0, len(scene.rows) - 1, wanted)
    for whole in (False, True):
        merged = _repeated(_merged(items, whole), scene)
        if len(merged) <= (most if whole else _ROOM):
            return tuple(merged)
    kept = merged[:most]
    while kept and kept[-1].heading:
        kept.pop()
    return (*kept, Item(kept[-1].last + 1, len(scene.rows) - 1, folded=True))


def level_of(scene: Scene, item: Item) -> Level:
    """Return the most important level of an item's rows."""
    return levels.strongest([scene.rows[row].level for row in item.rows])


def _items(
    scene: Scene, blocks: Sequence[Block], first: int, last: int, wanted: Iterable[int]
) -> list[Item]:
    """Items for rows ``first`` to ``last``, of which ``blocks`` hold some."""
    rows = frozenset(wanted)
    items: list[Item] = []
    row = first
    for block in blocks:
        items += _single(row, block.first - 1, rows, scene)
        if rows & frozenset(range(block.first, block.last + 1)):
            items.append(Item(block.first, block.last, block.labels, heading=True))
            items += _items(scene, block.inner, block.first, block.last, rows)
        else:
            items.append(Item(block.first, block.last, block.labels, folded=True))
        row = block.last + 1
    return items + _single(row, last, rows, scene)


def _single(first: int, last: int, wanted: frozenset[int], scene: Scene) -> list[Item]:
    return [
        Item(row, row, folded=row not in wanted and scene.rows[row].row.kind == "layer")
        for row in range(first, last + 1)
    ]


def _repeated(items: Sequence[Item], scene: Scene) -> list[Item]:
    """Equal neighbours among the folded blocks as one item: the layers of a transformer."""

    def kind(item: Item) -> tuple[object, ...]:
        named = item.folded and any(item.labels)
        key = (item.last - item.first, level_of(scene, item)) if named else (item.first,)
        return (named, *key)

    result: list[Item] = []
    for (named, *_), group in groupby(items, kind):
        run = list(group)
        if not named or len(run) < _REPEATED:
            result += run
            continue
        ends = run[0], run[-1]
        both = (
            _range(ends[0].labels[0], ends[1].labels[0]),
            _range(ends[0].labels[1], ends[1].labels[1]),
        )
        result.append(Item(ends[0].first, ends[1].last, both, folded=True, times=len(run)))
    return result


def _range(first: str, last: str) -> str:
    """Two names as one, of which the second leaves out what they share.

    >>> _range("layer2.1", "layer2.3"), _range("conv3_block2", "conv3_block4"), _range("", "")
    ('layer2.1 … 3', 'conv3_block2 … block4', '')
    """
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    shared = "".join(letter for letter, _ in same)
    start = max(shared.rfind(mark) for mark in "./_:") + 1
    return f"{first} {ELLIPSIS} {last[start:]}" if first or last else ""


def _merged(items: Sequence[Item], whole: bool) -> list[Item]:
    """Neighbouring folded items as one, named blocks only if ``whole``.

    A single folded layer is shown as it is, and of nested headings the inner alone.
    """
    merged: list[Item] = []
    for item in items:
        before = merged[-1] if merged else None
        if (
            before is not None
            and item.folded
            and before.folded
            and (whole or not (any(item.labels) or any(before.labels)))
        ):
            merged[-1] = Item(before.first, item.last, folded=True)
        elif before is not None and item.heading and before.heading:
            merged[-1] = item
        else:
            merged.append(item)
    return [
        Item(i.first, i.last) if i.folded and len(i.rows) < _SHORTEST_RUN else i for i in merged
    ]
