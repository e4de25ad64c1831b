"""Whether the weights of two layers are equal up to the rounding that one of them is stored with.

A weight that is stored as integers lies within half a step of its original, and within a whole step
where it is the last integer of its range; one in half precision lies within :math:`2^{-11}` of it,
one in bfloat16 within :math:`2^{-8}`. Both may be rounded after a norm was folded into them, so
what is compared is what a layer computes per channel, :math:`y = s (W x) + t`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zoodiff.equivalence.weights.weight_transfer import (
    AFFINE,
    AffineParts,
    folded,
    own_parameters,
    parts,
)
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights, step_sizes, viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rounding = Literal["equal after rounding", "equal after quantisation"]
_UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
_LEAST = {"float16": 2.0**-25, "bfloat16": 0.0}
_FOLDING = 2e-5
"""Relative to the largest; what single precision loses when a norm is folded into weights."""
_SAME_STEP = 1e-6
"""Relative difference of two steps of single precision that are one."""
_SLACK = 1.001
"""Steps are single precision, and so is the division by them."""


@dataclass(frozen=True)
class Steps:
    """The steps of the weights of a canonical graph that are stored as integers, by name."""

    sizes: Weights = field(default_factory=dict)
    ends: Weights = field(default_factory=dict)
    """Which elements are the smallest or largest of their block, of weights with such blocks."""


@dataclass(frozen=True)
class RoundedLayer:
    """A layer with its weights, and the steps of those that are stored as integers."""

    layer: Layer
    weights: Weights
    steps: Steps

    def tolerance(self, p: Parameter) -> NDArray[Any]:
        """How far each element of a weight may be from its value before rounding."""
        values = np.abs(self.weights[p.name].astype(np.float64))
        tolerance = _UNITS.get(p.dtype, 0.0) * values + _LEAST.get(p.dtype, 0.0)
        if p.name in self.steps.sizes:
            steps = np.broadcast_to(self.steps.sizes[p.name].reshape(p.shape), p.shape).reshape(
                values.shape
            )
            tolerance = tolerance + _SLACK * 0.5 * steps * (1 + self._last(p))
        return tolerance

    def _last(self, p: Parameter) -> NDArray[Any]:
        """Where a weight is the smallest or largest integer, at which larger values are cut off."""
        if p.name in self.steps.ends:
            return self.steps.ends[p.name]
        values = self.weights[p.name]
        ends: NDArray[Any] = np.logical_or(values == values.max(), values == values.min())
        return ends


def canonical_steps(graph: Graph, stored: Mapping[str, Any]) -> Steps:
    """Return the steps of a canonical graph's weights from what its framework stores."""
    steps = Steps()
    for p in (p for node in graph.nodes for p in node.parameters):
        if (p.steps or p.steps_in in stored) and p.stored in stored:
            values = np.asarray(stored[p.stored])
            sizes = step_sizes(p, values.shape, stored.get(p.steps_in))
            steps.sizes[p.name] = sizes.reshape(p.shape)
            if p.steps_in in stored:
                steps.ends[p.name] = viewed(p, _ends_of_blocks(p, values)).reshape(p.shape)
    return steps


def _ends_of_blocks(p: Parameter, values: NDArray[Any]) -> NDArray[Any]:
    """Where a weight, as it is stored, is the smallest or largest of its block."""
    last = np.moveaxis(values, p.steps_axis, -1)
    count = -(-last.shape[-1] // p.steps_block)
    ends = np.zeros(last.shape, dtype=bool)
    for block in range(count):
        part = np.s_[..., block * p.steps_block : (block + 1) * p.steps_block]
        own = last[part]
        ends[part] = (own == own.max(-1, keepdims=True)) | (own == own.min(-1, keepdims=True))
    return np.moveaxis(ends, -1, p.steps_axis)


def equal_up_to_rounding(a: RoundedLayer, b: RoundedLayer) -> Rounding | None:
    """Return the rounding up to which two layers have equal weights; None where they differ."""
    owned = [own_parameters(side.layer) for side in (a, b)]
    integers = any(
        p.name in side.steps.sizes for side, ps in zip((a, b), owned, strict=True) for p in ps
    )
    halves = any(p.dtype in _UNITS for side in owned for p in side)
    if not (integers or halves) or _rescaled(a, b):
        return None
    pairs = _effective(a, b)
    if pairs is None:
        if [p.size for p in owned[0]] != [p.size for p in owned[1]]:
            return None
        pairs = [_stored(a, p, b, q) for p, q in zip(*owned, strict=True)]
    if all(_close(*pair) for pair in pairs):
        return "equal after quantisation" if integers else "equal after rounding"
    return None


def _rescaled(a: RoundedLayer, b: RoundedLayer) -> bool:
    """Whether two layers store the same integers with other steps, which no rounding explains."""
    for p, q in zip(own_parameters(a.layer), own_parameters(b.layer), strict=False):
        if p.name not in a.steps.sizes or q.name not in b.steps.sizes or p.size != q.size:
            continue
        steps = [side.steps.sizes[r.name].reshape(-1) for side, r in ((a, p), (b, q))]
        values = [side.weights[r.name].reshape(-1) for side, r in ((a, p), (b, q))]
        integers = [np.rint(v / s) for v, s in zip(values, steps, strict=True)]
        same_steps = np.allclose(steps[0], steps[1], rtol=_SAME_STEP, atol=0)
        if not same_steps and integers[0].any() and np.array_equal(integers[0], integers[1]):
            return True
    return False


_Pair = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]
"""Values of both sides, and how far they may be apart."""


def _stored(a: RoundedLayer, p: Parameter, b: RoundedLayer, q: Parameter) -> _Pair:
    x, y = a.weights[p.name].reshape(-1), b.weights[q.name].reshape(-1)
    return x, y, a.tolerance(p).reshape(-1) + b.tolerance(q).reshape(-1)


def _effective(a: RoundedLayer, b: RoundedLayer) -> list[_Pair] | None:
    """Scaled weights and shifts per channel; None for layers that are not affine."""
    sides = []
    for side in (a, b):
        layer, layer_parts = side.layer, parts(side.layer)
        affine = layer.op in AFFINE or layer.affine
        if (
            not affine
            or layer_parts is None
            or layer_parts.weight is None
            or layer.op == "ConvTranspose"
        ):
            return None
        sides.append(_affine(side, layer_parts))
    (first, shift), (second, other_shift) = sides
    if first[0].shape != second[0].shape or shift[0].shape != other_shift[0].shape:
        return None
    return [
        (first[0], second[0], first[1] + second[1]),
        (shift[0], other_shift[0], shift[1] + other_shift[1]),
    ]


def _affine(side: RoundedLayer, layer_parts: AffineParts) -> tuple[Any, Any]:
    """Scaled weights (out, rest) and shifts (out,), each with how far off they may be."""
    weights = side.weights
    weight = weights[layer_parts.weight.name].astype(np.float64)
    out = weight.shape[0]
    scale, shift = (np.asarray(x) for x in folded(layer_parts, weights, out))
    column = scale.reshape(-1, 1)
    scaled = weight.reshape(out, -1) * column
    off = side.tolerance(layer_parts.weight).reshape(out, -1) * np.abs(column)
    added = [p for p in (layer_parts.bias, layer_parts.shift, *layer_parts.shifts) if p is not None]
    moved = {p.name: weights[p.name] + side.tolerance(p) for p in added}
    _, further = folded(layer_parts, {**weights, **moved}, out)
    spread = np.abs(np.asarray(further) - shift)
    unit = max((_UNITS.get(p.dtype, 0.0) for p in own_parameters(side.layer)), default=0.0)
    if unit and layer_parts.norm:  # scales, means and variances are rounded too
        off = off + 2 * unit * np.abs(scaled)
        moved = {p.name: np.abs(weights[p.name]) for p in added}
        moved[layer_parts.mean.name] = -np.abs(weights[layer_parts.mean.name])
        spread = spread + 3 * unit * np.abs(folded(layer_parts, {**weights, **moved}, out)[1])
    return (scaled, off), (shift, spread)


def _close(x: Any, y: Any, tolerance: Any) -> bool:
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return bool(np.array_equal(x, y, equal_nan=True))
    size = max(float(np.max(np.abs(x), initial=0.0)), float(np.max(np.abs(y), initial=0.0)))
    return bool((np.abs(np.asarray(x, np.float64) - y) <= tolerance + _FOLDING * size).all())
