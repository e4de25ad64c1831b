"""Propose which row of one matrix equals which row of another, in near-linear time.

Rows are brought to a few numbers, by random projection where columns correspond, by sums of powers
where their order is not known, and the nearest are looked up in a tree. The result is a proposal
that the caller must verify element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.arrays.permutations import is_permutation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Permutation = NDArray[np.int64]

_COUNTS = (2, 12)
"""Numbers per row: a few to see that two layers have nothing in common, then all."""
_SEED = 20_211
_TIE = 1e-9
_SORTED = 0.015
"""Share of the spread by which sorted numbers of rounded rows may differ."""


def same_columns(
    x: Floats, y: Floats, beside: tuple[Floats, Floats] | None = None
) -> Permutation | None:
    """Propose ``p`` with ``y[r] = x[p[r]]``; ``beside`` is a number more for every row."""
    if x.shape != y.shape:
        return None
    more = (None, None) if beside is None else beside
    for count in _COUNTS:
        numbers = [_projected(rows, count, extra) for rows, extra in zip((x, y), more, strict=True)]
        if not _alike(*numbers):
            return None
    return _paired(*numbers)


def untied(
    order: Permutation, ties: Sequence[NDArray[np.int64]], x: Floats, y: Floats
) -> Permutation:
    """An order in which equal labels are told apart by the rows that belong to them.

    ``order[r]`` is the row of ``x`` for row ``r`` of ``y``; within each of ``ties`` any row may
    stand for any other.
    """
    result = order.copy()
    for tie in ties:
        there = order[tie]
        order_within = same_columns(x[there], y[tie])
        if order_within is not None:
            result[tie] = there[order_within]
    return result


def equal_rows(rows: NDArray[Any], more: Floats) -> Permutation:
    """For each row the first that is equal to it, numbers beside it included."""
    bits = np.ascontiguousarray(rows + 0.0).view(np.uint32).astype(np.uint64)
    beside = np.ascontiguousarray(more + 0.0).view(np.uint64)
    generator = np.random.default_rng(_SEED)
    with np.errstate(over="ignore"):
        total = np.zeros(len(rows), dtype=np.uint64)
        for part in (bits, beside):
            odd = generator.integers(0, 2**63, part.shape[1], dtype=np.uint64) * 2 + 1
            total += (part * odd).sum(axis=1, dtype=np.uint64)
    _, first, which = np.unique(total, return_index=True, return_inverse=True)
    return np.asarray(first[which], dtype=np.int64)


def same_up_to_factors(x: Floats, y: Floats) -> tuple[Permutation, Floats] | None:
    """Propose ``p`` and ``f`` with ``y[r] = f[r] x[p[r]]``; a row of zeros has the factor 1."""
    if x.shape != y.shape:
        return None
    sizes = [_size(rows) for rows in (x, y)]
    for count in _COUNTS:
        numbers = [
            np.abs(_projected(rows, count)) / size for rows, size in zip((x, y), sizes, strict=True)
        ]
        if not _alike(*numbers):
            return None
    p = _paired(*numbers)
    return None if p is None else (p, factors(x[p], y))


def factors(x: Floats, y: Floats) -> Floats:
    """For each row the number that takes the first nearest to the second."""
    square = np.einsum("ij,ij->i", x, x)
    return np.where(square > 0, np.einsum("ij,ij->i", x, y) / np.where(square > 0, square, 1), 1.0)


def any_columns(x: Floats, y: Floats) -> tuple[Permutation, Permutation] | None:
    """Propose ``p`` and ``q`` with ``y[r, c] = x[p[r], q[c]]``, for (rows, columns, places)."""
    if x.shape != y.shape:
        return None
    for axis in (1, 0):
        numbers = _powers(x, y, axis)
        p = _paired(*numbers) if numbers is not None else None
        if p is None:
            continue
        there, here = (x[p], y) if axis == 1 else (x[:, p], y)
        q = same_columns(_as_rows(there, axis), _as_rows(here, axis))
        if q is not None:
            return (p, q) if axis == 1 else (q, p)
    return None


def _as_rows(x: Floats, axis: int) -> Floats:
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


def _projected(x: Floats, count: int, beside: Floats | None = None) -> Floats:
    directions = np.random.default_rng(_SEED).standard_normal((count, x.shape[1] + 1)).T
    result = np.asarray(x @ directions[:-1])
    return result if beside is None else result + beside[:, None] * directions[-1]


def _size(x: Floats) -> Floats:
    size = np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
    return np.where(size > 0, size, 1)


def _powers(x: Floats, y: Floats, axis: int) -> tuple[Floats, Floats] | None:
    """Per row, sums over the columns of powers, at each place of the kernel."""
    sums = [[side.sum(axis=axis)] for side in (x, y)]
    if not _alike(sums[0][0], sums[1][0]):
        return None
    for power_sums, side in zip(sums, (x, y), strict=True):
        square = side * side
        power_sums += [square.sum(axis=axis), (square * side).sum(axis=axis)]
    first, second = (np.concatenate(power_sums, axis=1) for power_sums in sums)
    spread = first.std(axis=0)
    first, second = (numbers / np.where(spread > 0, spread, 1) for numbers in (first, second))
    if first.shape[1] > _COUNTS[-1]:
        first, second = (_projected(numbers, _COUNTS[-1]) for numbers in (first, second))
    return (first, second) if _alike(first, second) else None


def _alike(x: Floats, y: Floats) -> bool:
    """Whether the numbers of all rows, sorted, are about equal."""
    spread = x.std(axis=0) + 1e-300
    apart = np.abs(np.sort(x, axis=0) - np.sort(y, axis=0)).mean(axis=0) / spread
    return bool(apart.mean() <= _SORTED)


def _paired(x: Floats, y: Floats) -> Permutation | None:
    """The nearest row of ``x`` for each of ``y``; rows that are equal are dealt out in order."""
    from scipy.spatial import cKDTree

    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    tree = cKDTree(x)
    away, nearest = tree.query(y, k=1)
    result: Permutation = np.asarray(nearest, dtype=np.int64)
    size = float(np.abs(x).max(initial=0.0)) + 1e-300
    stays = np.linalg.norm(x - y, axis=1) <= away + _TIE * size
    result[stays] = np.flatnonzero(stays)
    if is_permutation(result, x.shape[0]):
        return result
    taken = np.zeros(x.shape[0], dtype=bool)
    taken[result[stays]] = True
    equals: dict[int, list[int]] = {}
    for r in np.flatnonzero(~stays).tolist():
        first = int(nearest[r])
        if first not in equals:
            equals[first] = sorted(tree.query_ball_point(x[first], _TIE * size), reverse=True)
        candidates = equals[first]
        while candidates and taken[candidates[-1]]:
            candidates.pop()
        if not candidates:
            return None
        result[r] = candidates.pop()
        taken[result[r]] = True
    return result
