"""Classify permutations: a swap, a rotation, blocks in another order, axes transposed.

A permutation is an array: place ``r`` of the second network holds what stands at ``p[r]`` in the
first. All of it takes time linear in the length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Permutation = NDArray[np.int64]

_MOST_RUNS = 5
"""A permutation with more runs of neighbours than this is no exchange of two blocks."""


def is_identity(p: Permutation) -> bool:
    """Whether everything stays in its place."""
    return bool(np.array_equal(p, np.arange(p.size)))


def is_permutation(p: Permutation, size: int) -> bool:
    """Whether every place up to ``size`` is named exactly once."""
    if p.size != size or (size and (p.min() < 0 or p.max() >= size)):
        return False
    return bool((np.bincount(p, minlength=size) == 1).all())


def inverse(p: Permutation) -> Permutation:
    """The permutation that undoes another."""
    result = np.empty_like(p)
    result[p] = np.arange(p.size)
    return result


def swap_of(p: Permutation) -> tuple[int, int] | None:
    """The two places that are exchanged, if nothing else moves."""
    moved = np.flatnonzero(p != np.arange(p.size))
    return (int(moved[0]), int(moved[1])) if moved.size == 2 else None


def rotation_of(p: Permutation) -> int | None:
    """By how many places everything is shifted: ``p[r] = r - shift`` modulo the length."""
    if p.size < 3 or is_identity(p):
        return None
    shift = int(-p[0]) % p.size
    if not np.array_equal(p, (np.arange(p.size) - shift) % p.size):
        return None
    return shift if shift <= p.size // 2 else shift - p.size


def is_reversal(p: Permutation) -> bool:
    """Whether the order is turned round."""
    return p.size > 1 and bool(np.array_equal(p, np.arange(p.size)[::-1]))


def runs_of(p: Permutation) -> list[tuple[int, int]]:
    """Stretches (first, behind the last) of neighbours that stay neighbours, in order."""
    ends = [0, *(np.flatnonzero(np.diff(p) != 1) + 1).tolist(), p.size]
    return [(ends[k], ends[k + 1]) for k in range(len(ends) - 1)]


def exchanged_blocks(p: Permutation) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Two stretches (first, last) of the first network that change places; None for anything else.

    >>> exchanged_blocks(np.array([0, 5, 6, 3, 4, 1, 2, 7]))
    ((1, 2), (5, 6))
    """
    moved = np.flatnonzero(p != np.arange(p.size))
    if moved.size < 3 or len(runs_of(p)) > _MOST_RUNS:
        return None
    low, high = int(moved[0]), int(moved[-1]) + 1
    inner = runs_of(p[low:high])
    if len(inner) not in {2, 3}:
        return None
    blocks = [p[low:high][first:end] for first, end in inner]
    if len(inner) == 3 and not np.array_equal(blocks[1], low + np.arange(*inner[1])):
        return None
    if int(blocks[-1][0]) != low:
        return None
    ends = [(int(block[0]), int(block[-1])) for block in (blocks[-1], blocks[0])]
    return ends[0], ends[1]


def transposed_axes(p: Permutation) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Extents and order of axes: ``p`` is ``arange(n).reshape(extents).transpose(order)``.

    None where it is no transposition of two axes or more.

    >>> transposed_axes(np.arange(12).reshape(3, 4).T.reshape(-1))
    ((3, 4), (1, 0))
    """
    if is_identity(p) or not p.size or p[0] != 0:
        return None
    axes: list[tuple[int, int]] = []  # (stride, extent) of the new axes, the last first
    heads = p
    while heads.size > 1:
        stride = int(heads[1] - heads[0])
        uneven = np.flatnonzero(np.diff(heads) != stride)
        extent = int(uneven[0]) + 1 if uneven.size else heads.size
        if stride <= 0 or heads.size % extent:
            return None
        rows = heads.reshape(-1, extent)
        if not np.array_equal(rows, rows[:, :1] + stride * np.arange(extent)):
            return None
        axes.append((stride, extent))
        heads = rows[:, 0]
    new = axes[::-1]
    old = sorted(range(len(new)), key=lambda k: -new[k][0])
    extents = tuple(new[k][1] for k in old)
    strides = [new[k][0] for k in old]
    if any(strides[k] != strides[k + 1] * extents[k + 1] for k in range(len(old) - 1)):
        return None
    if strides[-1] != 1 or len(extents) < 2:
        return None
    return extents, tuple(old.index(k) for k in range(len(new)))


def block_order(p: Permutation, width: int) -> Permutation | None:
    """The order of blocks of ``width``, whatever is done inside them; None where they mix.

    >>> block_order(np.array([3, 2, 0, 1]), 2).tolist()
    [1, 0]
    """
    if width < 1 or p.size % width:
        return None
    blocks = p.reshape(-1, width) // width
    order = blocks[:, 0]
    return order if bool((blocks == order[:, None]).all()) else None


def keeps_inner_order(p: Permutation, width: int) -> bool:
    """Whether inside every block of ``width`` the order stays."""
    return bool((p.reshape(-1, width) % width == np.arange(width)).all())


def largest_block(p: Permutation) -> int:
    """The width of the largest blocks that are moved as they are; 1 where there are none."""
    starts = [first for first, _ in runs_of(p)]
    width = int(np.gcd.reduce([*starts, *p[starts].tolist(), p.size]))
    return width if width < p.size else 1


def described(p: Permutation) -> str:
    """What is done, in a few words: "0 and 3 exchanged", "reversed", "in blocks of 8"."""
    swap, axes = swap_of(p), transposed_axes(p)
    if swap:
        return f"{swap[0]} and {swap[1]} exchanged"
    if is_reversal(p):
        return "in reversed order"
    if axes:
        extents, order = axes
        old, new = ("x".join(map(str, e)) for e in (extents, [extents[k] for k in order]))
        return f"as axes {old} | {new}"
    return _described_by_blocks(p)


def _described_by_blocks(p: Permutation) -> str:
    shift, blocks = rotation_of(p), exchanged_blocks(p)
    if shift:
        return f"shifted by {abs(shift)}"
    if blocks:
        (a, b), (c, d) = blocks
        return f"{a} to {b} and {c} to {d} exchanged"
    width = largest_block(p)
    if width > 1:
        return f"in blocks of {width}"
    moved = int((p != np.arange(p.size)).sum())
    return f"{moved} of {p.size} moved" if moved < p.size else f"all {p.size} moved"
