"""Which row of one matrix is which row of another, in near-linear time.

Rows are brought to a few numbers, by random projection where columns correspond, by sums of powers
where their order is not known, and the nearest are looked up in a tree. What comes back is a
proposal; whether it holds is for the caller to verify element by element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.permutations import is_permutation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Permutation = NDArray[np.int64]

_NUMBERS = 12
_SEED = 20_211
_TIE = 1e-9


def same_columns(x: Floats, y: Floats) -> Permutation | None:
    """Propose ``p`` with ``y[r] = x[p[r]]``."""
    if x.shape != y.shape:
        return None
    return _paired(_projected(x), _projected(y))


def same_up_to_factors(x: Floats, y: Floats) -> tuple[Permutation, Floats] | None:
    """Propose ``p`` and ``f`` with ``y[r] = f[r] x[p[r]]``; a row of zeros has the factor 1."""
    if x.shape != y.shape:
        return None
    p = _paired(np.abs(_projected(_unit(x))), np.abs(_projected(_unit(y))))
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
        p = _paired(_powers(x, axis), _powers(y, axis))
        if p is None:
            continue
        there, here = (x[p], y) if axis == 1 else (x[:, p], y)
        q = same_columns(_as_rows(there, axis), _as_rows(here, axis))
        if q is not None:
            return (p, q) if axis == 1 else (q, p)
    return None


def _as_rows(x: Floats, axis: int) -> Floats:
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


def _projected(x: Floats) -> Floats:
    directions = np.random.default_rng(_SEED).standard_normal((x.shape[1], _NUMBERS))
    return np.asarray(x @ directions)


def _unit(x: Floats) -> Floats:
    size = np.sqrt(np.einsum("ij,ij->i", x, x))[:, None]
    return np.asarray(x / np.where(size > 0, size, 1))


def _powers(x: Floats, axis: int) -> Floats:
    """Per row, sums over the columns of powers, at each place of the kernel."""
    scale = max(float(np.abs(x).max(initial=0.0)), 1e-300)
    unit = x / scale
    sums = [unit.sum(axis=axis), (unit**2).sum(axis=axis), (unit**3).sum(axis=axis)]
    features = np.concatenate(sums, axis=1)
    deviation = features.std(axis=0)
    features = features / np.where(deviation > 0, deviation, 1)
    return features if features.shape[1] <= _NUMBERS else _projected(features)


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
        rest = equals[first]
        while rest and taken[rest[-1]]:
            rest.pop()
        if not rest:
            return None
        result[r] = rest.pop()
        taken[result[r]] = True
    return result
