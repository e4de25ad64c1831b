"""Weights of one network into the other, along the alignment.

Per channel, a layer computes :math:`y = s \\cdot (W x) + t`. Where both have a batch norm, its
statistics go over as they are, so that a difference of epsilon stays a difference; a bias before
the norm goes over into the mean. Where only one has a norm, it is folded:
:math:`W' = s W,\\; b' = t`. What the other network cannot hold is brought to what both can.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights


@dataclass
class Transplant:
    """Weights for the second network, and what did not fit."""

    weights: Weights = field(default_factory=dict)
    unfit: list[tuple[int, int]] = field(default_factory=list)
    """Aligned layers whose weights have other shapes."""


def transplant(alignment: Alignment, weights: Weights) -> Transplant:
    """Return the second network's weights from the first's, which may be adjusted.

    ``weights`` are changed where the second network has no place for what the first has (a
    learned scale): the experiment then runs on weights that both can hold.
    """
    result = Transplant()
    for i, j in alignment.pairs:
        _layer(alignment.a.layers[i], alignment.b.layers[j], weights, result)
    return result


def _layer(a: Layer, b: Layer, weights: Weights, result: Transplant) -> None:
    mine, theirs = own_parameters(a), own_parameters(b)
    if not theirs:
        return
    if all(x.op in AFFINE or x.affine for x in (a, b)):
        _affine(a, b, weights, result)
        return
    if [p.size for p in mine] != [p.size for p in theirs]:
        result.unfit.append((a.index, b.index))
        return
    for one, other in zip(mine, theirs, strict=True):
        if one.name in weights:
            result.weights[other.name] = weights[one.name].reshape(other.shape)


AFFINE = frozenset({"Conv", "ConvTranspose", "Gemm"})


def own_parameters(layer: Layer) -> list[Any]:
    """The parameters of a layer, those of the arithmetic behind it included."""
    return [p for node in (layer.node, *layer.chain) for p in node.parameters]


@dataclass
class AffineParts:
    """The parts of a layer: names of its parameters by what they are."""

    weight: Any = None
    bias: Any = None
    scale: Any = None
    shift: Any = None
    mean: Any = None
    variance: Any = None
    epsilon: float = 0.0
    scales: list[Any] = field(default_factory=list)
    """Scale layers behind."""
    shifts: list[Any] = field(default_factory=list)

    @property
    def norm(self) -> bool:
        """Whether there is a batch norm."""
        return self.mean is not None


def parts(layer: Layer) -> AffineParts | None:
    """The parameters of an affine layer by what they are; None where it has two norms."""
    found = AffineParts()
    for node in (layer.node, *layer.chain):
        if node.op == "BatchNormalization":
            if found.norm:
                return None
            found.epsilon = float(node.attributes["epsilon"])  # type: ignore[arg-type]
        for p in node.parameters:
            if p.role in {"weight", "bias", "scale", "shift", "mean", "variance"}:
                setattr(found, p.role, p)
            elif node.op == "Mul":
                found.scales.append(p)
            else:
                found.shifts.append(p)
    return found


def _affine(a: Layer, b: Layer, weights: Weights, result: Transplant) -> None:
    one, other = parts(a), parts(b)
    vectors = [p for p in own_parameters(a) + own_parameters(b) if p.role != "weight"]
    unlike = len({p.size for p in vectors}) > 1
    if one is None or other is None or unlike or not _fits(one.weight, other.weight):
        result.unfit.append((a.index, b.index))
    elif one.norm and other.norm:
        _both_normed(one, other, weights, result.weights)
    else:
        width = vectors[0].size if vectors else one.weight.shape[0]
        _one_normed(one, other, weights, result.weights, width)


def _one_normed(
    one: AffineParts, other: AffineParts, weights: Weights, made: Weights, width: int
) -> None:
    """The second network's layer, of which at most one side has a norm."""
    factor, offset = folded(one, weights, width)
    rest = list(other.shifts)
    if other.norm:
        factor, offset = _into_norm(other, made, factor, offset)
    if other.bias is not None:
        made[other.bias.name] = np.zeros(width) if other.norm else offset
    elif rest and not other.norm:
        made[rest.pop(0).name] = offset
    for p in other.scales:
        made[p.name] = np.ones(p.shape)
    for p in rest:
        made[p.name] = np.zeros(p.shape)
    if one.weight is not None:
        w = weights[one.weight.name]
        scaled = w * np.asarray(factor).reshape(-1, *[1] * (w.ndim - 1))
        made[other.weight.name] = scaled.reshape(other.weight.shape)


def _into_norm(other: AffineParts, made: Weights, factor: Any, offset: Any) -> tuple[Any, Any]:
    """Any statistics will do, since the weights make up for them; what is left for these."""
    width = other.mean.size
    mean, variance = np.full(width, 0.25), np.full(width, 0.5)
    deviation = np.sqrt(variance + other.epsilon)
    made[other.mean.name], made[other.variance.name] = mean, variance
    scale = np.ones(width)
    if other.scale is not None:
        made[other.scale.name] = scale = deviation
    if other.shift is not None:
        made[other.shift.name] = offset + mean * scale / deviation
    return factor * deviation / scale, offset


def _fits(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is None and other is None
    squeezed = [tuple(n for n in p.shape if n != 1) for p in (one, other)]
    return squeezed[0] == squeezed[1]


def folded(part: AffineParts, weights: Weights, width: int) -> tuple[Any, Any]:
    """Scale and shift a channel, (out,) each, of everything behind the weights."""
    factor, offset = np.ones(width), np.zeros(width)
    if part.bias is not None:
        offset = weights[part.bias.name]
    if part.norm:
        scale = 1.0 / np.sqrt(weights[part.variance.name] + part.epsilon)
        if part.scale is not None:
            scale = scale * weights[part.scale.name]
        offset = (offset - weights[part.mean.name]) * scale
        factor = factor * scale
        if part.shift is not None:
            offset = offset + weights[part.shift.name]
    for p in part.scales:
        factor, offset = (x * weights[p.name].reshape(-1) for x in (factor, offset))
    for p in part.shifts:
        offset = offset + weights[p.name].reshape(-1)
    return factor, offset


def _both_normed(one: AffineParts, other: AffineParts, weights: Weights, made: Weights) -> None:
    size = one.mean.size
    ones, zeros = np.ones(size), np.zeros(size)
    bias = weights[one.bias.name] if one.bias is not None else zeros
    mean = weights[one.mean.name] - bias
    if other.bias is not None:
        # A bias of its own, so that the proof shows that the norm takes it away again.
        own = np.linspace(-0.5, 0.5, size)
        made[other.bias.name] = own
        mean = mean + own
    made[other.mean.name] = mean
    made[other.variance.name] = weights[one.variance.name]
    after = [*one.scales], [*one.shifts]
    scale = weights[one.scale.name] if one.scale is not None else ones
    shift = weights[one.shift.name] if one.shift is not None else zeros
    for p in after[0]:
        scale, shift = (x * weights[p.name].reshape(-1) for x in (scale, shift))
    for p in after[1]:
        shift = shift + weights[p.name].reshape(-1)
    holds_scale = other.scale is not None or bool(other.scales)
    holds_shift = other.shift is not None or bool(other.shifts)
    if not holds_scale:
        _set_scale(one, weights, ones)
        scale = ones
    if not holds_shift:
        _set_shift(one, weights, zeros)
        shift = zeros
    if other.scale is not None:
        made[other.scale.name] = scale
    if other.shift is not None:
        made[other.shift.name] = shift
    for k, p in enumerate(other.scales):
        made[p.name] = (scale if other.scale is None and k == 0 else ones).reshape(p.shape)
    for k, p in enumerate(other.shifts):
        made[p.name] = (shift if other.shift is None and k == 0 else zeros).reshape(p.shape)
    if one.weight is not None:
        made[other.weight.name] = weights[one.weight.name].reshape(other.weight.shape)


def _set_scale(part: AffineParts, weights: Weights, ones: Any) -> None:
    for p in (part.scale, *part.scales):
        if p is not None:
            weights[p.name] = ones.reshape(p.shape)


def _set_shift(part: AffineParts, weights: Weights, zeros: Any) -> None:
    for p in (part.shift, *part.shifts):
        if p is not None:
            weights[p.name] = zeros.reshape(p.shape)
