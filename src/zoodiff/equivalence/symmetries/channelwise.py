"""Layers with numbers per channel (norms, scales, shifts), and tables that are added or joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.arrays.closeness import COMPUTED, EXACT, Closeness, closeness
from zoodiff.equivalence.symmetries.arrays.match import Columns, Match
from zoodiff.equivalence.symmetries.arrays.matching import same_columns, untied
from zoodiff.equivalence.symmetries.arrays.matrices import NORMS, vectors_of
from zoodiff.equivalence.symmetries.labels import Group, Marked, order_of
from zoodiff.equivalence.weights.weight_diff import effective_weights
from zoodiff.equivalence.weights.weight_transfer import own_parameters
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Permutation = NDArray[np.int64]

_NEAR_ONE = 1e-5
_HALF: Closeness = "rounded to half precision"


@dataclass(frozen=True)
class Passed:
    """What a layer does to the factors that reach it."""

    factors: Floats | None = None
    own: Floats | None = None
    """Factors that the layer adds."""
    vacuous: bool = False
    """Whether any two sets of numbers are related in this way, as scales without shifts are."""
    ends: bool = False
    """Whether the layer neither undoes the factors that reach it nor passes them on."""


def related(
    a: Layer, b: Layer, weights: tuple[Weights, Weights], columns: Columns | None
) -> tuple[Match | None, Passed] | None:
    """How two layers with numbers per channel are related; None for other layers."""
    mine, theirs = vectors_of(a, weights[0]), vectors_of(b, weights[1])
    if mine is None or theirs is None:
        return None
    size = theirs[0][1].size
    if mine[0][1].size != size:
        return None, Passed()
    plain = Columns(np.arange(size), read=False)
    views = [plain]
    if (
        columns is not None
        and columns.ties
        and columns.order.size == size
        and len(mine) == len(theirs)
    ):
        columns_a, columns_b = (np.stack([v for _, v in side], axis=1) for side in (mine, theirs))
        columns = replace(
            columns, order=untied(columns.order, columns.ties, columns_a, columns_b), ties=()
        )
    if columns is not None and columns.order.size == size:
        views = [columns] if columns.trivial else [columns, plain]
    alike = [role for role, _ in mine] == [role for role, _ in theirs]
    if alike:
        for view in views:
            near = _verified(mine, theirs, view.order)
            if near:
                return Match(view.order, view, near, view.order), _passing(a, columns, view)
    scaled = _scaled(a, b, weights, views[0])
    if scaled is not None:
        return scaled
    if alike:
        columns_a, columns_b = (np.stack([v for _, v in side], axis=1) for side in (mine, theirs))
        order = same_columns(columns_a, columns_b)
        near = _verified(mine, theirs, order) if order is not None else None
        if near and order is not None:
            return Match(plain.order, plain, near, plain.order, free=order), Passed(
                ends=_reached(columns)
            )
    return None, Passed(ends=_reached(columns))


def _reached(columns: Columns | None) -> bool:
    return columns is not None and columns.factors is not None


def _passing(layer: Layer, columns: Columns | None, view: Columns) -> Passed:
    """Factors behind layers with equal numbers: a norm removes even factors, other layers none."""
    factors = columns.factors if columns is not None else None
    if factors is None:
        return Passed()
    even = bool(np.allclose(factors, factors[0], rtol=_NEAR_ONE)) and factors[0] > 0
    return Passed(ends=not (even and layer.op in NORMS and view.read))


def _verified(
    mine: list[tuple[str, Floats]], theirs: list[tuple[str, Floats]], order: Permutation
) -> Closeness | None:
    result: Closeness = "equal"
    for (_, x), (_, y) in zip(mine, theirs, strict=True):
        how = closeness(x[order][None], y[None], (x, y), EXACT)
        if how is None:
            return None
        result = how if how != "equal" else result
    return result


def _scaled(
    a: Layer, b: Layer, weights: tuple[Weights, Weights], view: Columns
) -> tuple[Match | None, Passed] | None:
    """Factors that a layer removes, passes on or adds; two ways to write one affine step."""
    sides = [_scale_and_shift(layer, w) for layer, w in zip((a, b), weights, strict=True)]
    affine_a, affine_b = sides
    if affine_a is None or affine_b is None:
        return None
    (s, t), (u, v) = affine_a, affine_b
    s, t = s[view.order], t[view.order]
    before = np.ones(s.size)
    if view.factors is not None and a.op not in NORMS:
        before = view.factors
    elif view.factors is not None:
        return None
    if not bool((s != 0).all()) or not bool((u != 0).all()):
        return None
    f = u * before / s
    if not bool(np.isfinite(f).all()):
        return None
    size = max(float(np.abs(t).max()), float(np.abs(v).max()), 1e-300)
    near: Closeness = "equal"
    if not bool((np.abs(v - f * t) <= COMPUTED * size).all()):
        stored_values = tuple(np.concatenate(both) for both in ((s, t), (u, v)))
        if (
            closeness((f * t)[None], v[None], (stored_values[0], stored_values[1]), scaled=True)
            != _HALF
        ):
            return None
        near = _HALF
    even = np.allclose(f, 1.0, rtol=_NEAR_ONE)
    match = Match(view.order, view, near, view.order, factors=None if even else f)
    own = None if even or np.allclose(f, before, rtol=_NEAR_ONE) else f
    vacuous = own is not None and not t.any() and not v.any() and not np.allclose(f, f[0])
    return match, Passed(factors=None if even else f, own=own, vacuous=vacuous)


def _scale_and_shift(layer: Layer, weights: Weights) -> tuple[Floats, Floats] | None:
    """Factor and offset per channel, behind the normalisation of a norm."""
    if layer.op not in NORMS:
        effective = effective_weights(layer, weights)
        if effective is None or len(effective) != 2 or effective[0].ndim != 1:
            return None
        scale, shift = (np.asarray(x, dtype=np.float64) for x in effective)
        return scale, shift
    vectors = {
        p.role: weights[p.name].reshape(-1).astype(np.float64) for p in own_parameters(layer)
    }
    size = next(iter(vectors.values())).size
    if set(vectors) - {"scale", "shift"}:
        return None
    return vectors.get("scale", np.ones(size)), vectors.get("shift", np.zeros(size))


@dataclass(frozen=True)
class Tables:
    """The tensors that two nodes with tables read."""

    a: Sequence[Marked]
    b: Sequence[Marked]

    def order(self, axis: int, rank: int, size: int) -> Permutation | None:
        """The order of what is read along one axis; None where it is not known."""
        for x, y in zip(self.a, self.b, strict=False):
            mine, theirs = (self._group(side, axis, rank) for side in (x, y))
            order = order_of(mine, theirs)
            if order is not None and order.size == size:
                return order
        return None

    @staticmethod
    def _group(x: Marked, axis: int, rank: int) -> Group | None:
        return x.along(axis + len(x.shape) - rank)


def table(
    a: Layer, b: Layer, weights: tuple[Weights, Weights], tables: Tables
) -> tuple[Match | None, bool]:
    """How the parameters of two other nodes are related: permuted like their operand, or equal.

    The second value is whether they are not permuted though their operand is.
    """
    mine, theirs = own_parameters(a), own_parameters(b)
    if [p.size for p in mine] != [p.size for p in theirs]:
        return None, False
    stays = False
    result: Closeness = "equal"
    moved: Permutation | None = None
    for p, q in zip(mine, theirs, strict=True):
        x, y = weights[0][p.name].reshape(p.shape), weights[1][q.name].reshape(q.shape)
        if p.shape != q.shape:
            x = x.reshape(q.shape)
        x, y = (np.asarray(v, dtype=np.float64) for v in (x, y))
        there, order = _ordered(x, tables)
        how = closeness(there.reshape(1, -1), y.reshape(1, -1), (x, y), EXACT)
        if how is not None:
            moved = order if order is not None else moved
        else:
            how = closeness(x.reshape(1, -1), y.reshape(1, -1), (x, y), EXACT)
            stays = True
        if how is None:
            return (_moved(x, y) if len(mine) == 1 else None), False
        result = how if how != "equal" else result
    plain = np.arange(1)
    read = Columns(plain if moved is None else moved, read=moved is not None)
    return Match(read.order, read, result, read.order), stays


def _moved(x: Floats, y: Floats) -> Match | None:
    """A vector in another order."""
    if max(x.shape, default=1) != x.size or x.size < 3:
        return None
    order = same_columns(x.reshape(-1, 1), y.reshape(-1, 1))
    plain = Columns(np.arange(x.size), read=False)
    if order is None or not np.array_equal(x.reshape(-1)[order], y.reshape(-1)):
        return None
    return Match(plain.order, plain, "equal", plain.order, free=order)


def _ordered(x: Floats, tables: Tables) -> tuple[Floats, Permutation | None]:
    """A table with its axes in the order of the tensor that it is combined with."""
    moved = None
    for axis, size in enumerate(x.shape):
        if size > 1:
            order = tables.order(axis, x.ndim, size)
            if order is not None and not np.array_equal(order, np.arange(size)):
                x, moved = np.take(x, order, axis=axis), order
    return x, moved
