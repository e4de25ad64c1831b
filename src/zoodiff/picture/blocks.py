"""Stages and blocks of a network, by the names of its layers, or else by its structure.

Names such as ``layer1.0.conv1``, ``/layer1/layer1.0/conv1/Conv``, ``conv2_block1_1_conv`` and
``encoder.layers.encoder_layer_0.ln_1`` have parts, and neighbours with the same first parts belong
together. Where names say nothing (``Conv_12``), stages are stretches of one resolution, and blocks
end where all lines meet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

_LEAST = 3
"""Rows of a block."""
_WHOLE = 14
"""Rows up to which a block is not divided further."""
_DEEPEST = 3
_DOMINATED = 0.8
"""Share of a block's rows from which on its only inner block stands for it."""
_EVERYTHING = 0.9
"""Share of the rows around from which on a block says nothing."""
_NAMED = 0.4
"""Share of rows in blocks from which on names are believed."""
_PART = re.compile(r"[^./_:]+")
_OPERATION = re.compile(r"[#\[].*$", re.DOTALL)
"""What frontends add to the name of a layer to tell its operations apart."""


@dataclass(frozen=True)
class Block:
    """Rows ``first`` to ``last``, both included, that belong together."""

    first: int
    last: int
    labels: tuple[str, str]
    """What the names share, in the first and in the second network; may be empty."""
    inner: tuple[Block, ...] = ()

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class RowFacts:
    """What blocks are made from, for one row."""

    names: tuple[str, str]
    """Of the layers; empty where a side has none."""
    extents: tuple[int, ...] = ()
    """Rows and columns of the result of an image-like layer."""
    joint: bool = False
    """Whether no edge passes by this row: everything below reads it alone."""


def blocks(facts: Sequence[RowFacts]) -> tuple[Block, ...]:
    """Return the blocks of all rows, outermost first, in order and without overlap."""
    by_side = [_by_names([row.names[side] for row in facts], side) for side in (0, 1)]
    shares = [_share(found, len(facts)) for found in by_side]
    best = 0 if shares[0] >= shares[1] else 1
    if shares[best] >= _NAMED:
        common = _shared([row.names[1 - best] for row in facts if row.names[1 - best]])
        return tuple(_labelled(block, facts, best, common) for block in by_side[best])
    return _by_structure(facts)


def prefixes(name: str) -> list[str]:
    """Return the first parts of a layer's name, shortest first, without the whole name.

    A number that stands alone belongs to the word before it.

    >>> prefixes("layer1.0.conv1"), prefixes("block_1_expand")
    (['layer1', 'layer1.0'], ['block_1'])
    """
    plain = _OPERATION.sub("", name)
    ends: list[int] = []
    word = ""
    for part in _PART.finditer(plain):
        joined = part[0].isdigit() and word and not word[-1].isdigit()
        if joined:
            ends[-1] = part.end()
        else:
            ends.append(part.end())
        word = part[0]
    return [plain[:end] for end in ends[:-1]]


def _share(found: Sequence[Block], rows: int) -> float:
    return sum(block.size for block in found) / max(rows, 1)


def _by_names(names: Sequence[str], side: int) -> list[Block]:
    paths = [prefixes(name) for name in names]
    return _divided(paths, 0, len(names), "", side, 0)


def _divided(
    paths: Sequence[Sequence[str]], first: int, end: int, parent: str, side: int, depth: int
) -> list[Block]:
    """Return the blocks of rows ``first`` to ``end - 1``, whose names all begin with ``parent``."""
    if depth >= _DEEPEST:
        return []
    keys = _filled([_next(path, parent) for path in paths[first:end]])
    if len(set(keys)) == 1 and keys[0] is not None:
        return _divided(paths, first, end, keys[0], side, depth)
    result: list[Block] = []
    row = first
    for key, run in groupby(keys):
        size = len(list(run))
        if key is not None and size >= _LEAST:
            labels = (key, "") if side == 0 else ("", key)
            inner = _divided(paths, row, row + size, key, side, depth + 1) if size > _WHOLE else []
            result += _simplified(Block(row, row + size - 1, labels, tuple(inner)), end - first)
        row += size
    return result


def _simplified(block: Block, around: int) -> list[Block]:
    """The inner blocks alone where a block is nearly all around it, or nearly all in it is one.

    ``around`` is the number of rows that were divided.
    """
    only = len(block.inner) == 1 and block.inner[0].size >= _DOMINATED * block.size
    return list(block.inner) if only or block.size >= _EVERYTHING * around else [block]


def _next(path: Sequence[str], parent: str) -> str | None:
    """The shortest prefix longer than ``parent``; None for a name without."""
    longer = (p for p in path if len(p) > len(parent) and p.startswith(parent))
    return next(longer, None)


def _filled(keys: Sequence[str | None]) -> list[str | None]:
    """Give a few rows of another name, or of none, the key of the rows around them.

    Networks call functions between their layers, whose names say nothing of the place.
    """
    runs = [(key, len(list(run))) for key, run in groupby(keys)]
    settled: list[tuple[str | None, int]] = []
    for k, (key, size) in enumerate(runs):
        before = settled[-1][0] if settled else None
        after = runs[k + 1][0] if k + 1 < len(runs) else None
        around = before if before is not None and before == after else None
        settled.append((around if around and (key is None or size < _LEAST) else key, size))
    return [key for key, size in settled for _ in range(size)]


def _labelled(block: Block, facts: Sequence[RowFacts], known: int, common: str) -> Block:
    """A block with what the names of the other network share, beyond what all of them share."""
    names = [row.names[1 - known] for row in facts[block.first : block.last + 1]]
    shared = _shared([name for name in names if name])
    shared = shared if len(shared) > len(common) else ""
    labels = (block.labels[0], shared) if known == 0 else (shared, block.labels[1])
    inner = tuple(_labelled(each, facts, known, common) for each in block.inner)
    return replace(block, labels=labels, inner=inner)


def _shared(names: Sequence[str]) -> str:
    """The longest prefix that at least four fifths of the names have; empty for one name."""
    counts: dict[str, int] = {}
    for name in names:
        for prefix in prefixes(name):
            counts[prefix] = counts.get(prefix, 0) + 1
    wide = [p for p, count in counts.items() if count >= _DOMINATED * len(names)]
    return max(wide, key=len, default="") if len(names) > 1 else ""


def _by_structure(facts: Sequence[RowFacts]) -> tuple[Block, ...]:
    """Stages of one resolution, and in them the stretches between rows where all lines meet."""
    extents: list[tuple[int, ...]] = []
    for each in facts:
        extents.append(each.extents or (extents[-1] if extents else ()))
    result: list[Block] = []
    row = 0
    for extent, run in groupby(extents):
        size = len(list(run))
        if extent and size >= _LEAST:
            label = " \N{MULTIPLICATION SIGN} ".join(map(str, extent))
            inner = _between_joints(facts, row, row + size) if size > _WHOLE else ()
            block = Block(row, row + size - 1, (label, label), inner)
            result += _simplified(block, len(facts))
        row += size
    return tuple(result)


def _between_joints(facts: Sequence[RowFacts], first: int, end: int) -> tuple[Block, ...]:
    result, start = [], first
    for row in range(first, end):
        if facts[row].joint and row - start + 1 >= _LEAST:
            result.append(Block(start, row, ("", "")))
            start = row + 1
    numbered = (f"block {k}" for k in range(1, len(result) + 1))
    return tuple(replace(b, labels=(n, n)) for b, n in zip(result, numbered, strict=True))
