"""Weights of one network into the other, along the alignment.

Per channel, a layer computes :math:`y = s \\cdot (W x) + t`. Where both have a batch norm, its
statistics are copied as they are, so that a difference of epsilon stays a difference; a bias before
the norm is added to the mean. Where only one has a norm, it is folded:
:math:`W' = s W,\\; b' = t`. Parameters that the other network lacks are set to 1 or 0 in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer
from zoodiff.graph.recurrent import GATES, by_role, whole_parameters
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
    if a.op == b.op and a.op in GATES and _recurrent(mine, theirs, weights, result.weights):
        return
    if [p.size for p in mine] != [p.size for p in theirs]:
        result.unfit.append((a.index, b.index))
        return
    for source, target in zip(mine, theirs, strict=True):
        if source.name in weights:
            result.weights[target.name] = weights[source.name].reshape(target.shape)


def _recurrent(
    mine: Sequence[Any], theirs: Sequence[Any], weights: Weights, moved: Weights
) -> bool:
    """Move the weights of a recurrent layer with other biases; whether they fit.

    What is left over of two biases is added to the one that the second has. Biases that it lacks
    are set to zero in the first.
    """
    if len(mine) != len(whole_parameters(mine)) or len(theirs) != len(whole_parameters(theirs)):
        return _per_gate(mine, theirs, weights, moved)
    kernels = [[p for p in side if not p.role.endswith("bias")] for side in (mine, theirs)]
    if [p.shape for p in kernels[0]] != [p.shape for p in kernels[1]]:
        return False
    for source, target in zip(*kernels, strict=True):
        moved[target.name] = weights[source.name]
    sides = [_biases_of_directions(side) for side in (mine, theirs)]
    for source, target in zip(*sides, strict=True):
        for role in ("bias", "recurrent_bias"):
            if role in target:
                p = source.get(role)
                moved[target[role].name] = (
                    np.zeros(target[role].shape) if p is None else weights[p.name]
                )
        left = [p for role, p in source.items() if role not in target]
        if left and "bias" in target:
            moved[target["bias"].name] = moved[target["bias"].name] + sum(
                weights[p.name] for p in left
            )
        elif left:
            for p in left:
                weights[p.name] = np.zeros(p.shape)
    return True


def _per_gate(mine: Sequence[Any], theirs: Sequence[Any], weights: Weights, moved: Weights) -> bool:
    """Move the weights of a recurrent layer of which one side is stored per gate."""
    sides = [by_role([p.role for p in side]) for side in (mine, theirs)]
    wholes = [[(p.role, p.shape) for p in whole_parameters(side)] for side in (mine, theirs)]
    if wholes[0] != wholes[1]:
        return False
    for source, target in zip(*sides, strict=True):
        for role, places in target.items():
            whole = np.concatenate([weights[mine[k].name] for k in source[role]])
            ends = np.cumsum([theirs[k].shape[0] for k in places])[:-1]
            for k, part in zip(places, np.split(whole, ends), strict=True):
                moved[theirs[k].name] = part
    return True


def _biases_of_directions(parameters: Sequence[Any]) -> list[dict[str, Any]]:
    """The biases of each direction of a recurrent layer, by role."""
    directions: list[dict[str, Any]] = []
    for p in parameters:
        if p.role == "weight":
            directions.append({})
        elif p.role.endswith("bias"):
            directions[-1][p.role] = p
    return directions


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
    layer_parts = AffineParts()
    for node in (layer.node, *layer.chain):
        if node.op == "BatchNormalization":
            if layer_parts.norm:
                return None
            layer_parts.epsilon = float(node.attributes["epsilon"])  # type: ignore[arg-type]
        for p in node.parameters:
            if p.role in {"weight", "bias", "scale", "shift", "mean", "variance"}:
                setattr(layer_parts, p.role, p)
            elif node.op == "Mul":
                layer_parts.scales.append(p)
            else:
                layer_parts.shifts.append(p)
    return layer_parts


def _affine(a: Layer, b: Layer, weights: Weights, result: Transplant) -> None:
    source, target = parts(a), parts(b)
    vectors = [p for p in own_parameters(a) + own_parameters(b) if p.role != "weight"]
    unlike = len({p.size for p in vectors}) > 1
    if source is None or target is None or unlike or not _holds(source, target):
        result.unfit.append((a.index, b.index))
    elif source.norm and target.norm:
        _both_normed(source, target, weights, result.weights)
    else:
        turned = a.op == "ConvTranspose"
        groups = int(a.node.attributes.get("group", 1)) if turned else 0  # type: ignore[arg-type]
        width = vectors[0].size if vectors else _width(source.weight.shape, groups)
        _one_normed(source, target, weights, result.weights, (width, groups))


def _width(shape: Sequence[int], groups: int) -> int:
    """Channels that a layer gives; ``groups`` are those of a transposed convolution, else 0."""
    return shape[1] * groups if groups else shape[0]


def _per_output(weight: Any, factor: Any, groups: int) -> Any:
    """A weight times a factor per channel that the layer gives; ``groups`` as in ``_width``."""
    factor = np.asarray(factor)
    rest = [1] * (weight.ndim - (2 if groups else 1))
    if not groups:
        return weight * factor.reshape(-1, *rest)
    rows = np.repeat(factor.reshape(groups, -1), weight.shape[0] // groups, axis=0)
    return weight * rows.reshape(*rows.shape, *rest)


def _one_normed(
    source: AffineParts,
    target: AffineParts,
    weights: Weights,
    moved: Weights,
    size: tuple[int, int],
) -> None:
    """The second network's layer, of which at most one side has a norm.

    ``size`` are the channels that the layer gives, and the groups as in ``_width``.
    """
    width, groups = size
    factor, offset = folded(source, weights, width)
    shifts = list(target.shifts)
    if target.norm:
        factor, offset = _into_norm(target, moved, factor, offset)
    if target.bias is not None:
        moved[target.bias.name] = np.zeros(width) if target.norm else offset
    elif shifts and not target.norm:
        moved[shifts.pop(0).name] = offset
    # Without weights the scale stands alone, and nothing else can hold the factor.
    held = factor if target.weight is None else np.ones(width)
    for p in target.scales:
        moved[p.name], held = held.reshape(p.shape), np.ones(width)
    for p in shifts:
        moved[p.name] = np.zeros(p.shape)
    if source.weight is not None:
        w = weights[source.weight.name]
        scaled = _per_output(w, factor, groups)
        moved[target.weight.name] = scaled.reshape(target.weight.shape)


def _into_norm(target: AffineParts, moved: Weights, factor: Any, offset: Any) -> tuple[Any, Any]:
    """Set arbitrary statistics; return the factor and offset that make up for them."""
    width = target.mean.size
    mean, variance = np.full(width, 0.25), np.full(width, 0.5)
    deviation = np.sqrt(variance + target.epsilon)
    moved[target.mean.name], moved[target.variance.name] = mean, variance
    scale = np.ones(width)
    if target.scale is not None:
        moved[target.scale.name] = scale = deviation
    if target.shift is not None:
        moved[target.shift.name] = offset + mean * scale / deviation
    return factor * deviation / scale, offset


def _holds(source: AffineParts, target: AffineParts) -> bool:
    """Whether the second has weights of the same shape, or a place for a scale that is alone."""
    placed = target.weight is not None or target.scales or target.norm
    return _fits(source.weight, target.weight) and bool(
        placed or not (source.scales or source.norm)
    )


def _fits(source: Any, target: Any) -> bool:
    if source is None or target is None:
        return source is None and target is None
    squeezed = [tuple(n for n in p.shape if n != 1) for p in (source, target)]
    return squeezed[0] == squeezed[1]


def folded(part: AffineParts, weights: Weights, width: int) -> tuple[Any, Any]:
    """Scale and shift per channel, (out,) each, of everything behind the weights."""
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


def _both_normed(
    source: AffineParts, target: AffineParts, weights: Weights, moved: Weights
) -> None:
    size = source.mean.size
    ones, zeros = np.ones(size), np.zeros(size)
    bias = weights[source.bias.name] if source.bias is not None else zeros
    mean = weights[source.mean.name] - bias
    if target.bias is not None:
        # A bias of its own, so that the proof shows that the norm takes it away again.
        own = np.linspace(-0.5, 0.5, size)
        moved[target.bias.name] = own
        mean = mean + own
    moved[target.mean.name] = mean
    moved[target.variance.name] = weights[source.variance.name]
    after = [*source.scales], [*source.shifts]
    scale = weights[source.scale.name] if source.scale is not None else ones
    shift = weights[source.shift.name] if source.shift is not None else zeros
    for p in after[0]:
        scale, shift = (x * weights[p.name].reshape(-1) for x in (scale, shift))
    for p in after[1]:
        shift = shift + weights[p.name].reshape(-1)
    holds_scale = target.scale is not None or bool(target.scales)
    holds_shift = target.shift is not None or bool(target.shifts)
    if not holds_scale:
        _set_scale(source, weights, ones)
        scale = ones
    if not holds_shift:
        _set_shift(source, weights, zeros)
        shift = zeros
    if target.scale is not None:
        moved[target.scale.name] = scale
    if target.shift is not None:
        moved[target.shift.name] = shift
    for k, p in enumerate(target.scales):
        moved[p.name] = (scale if target.scale is None and k == 0 else ones).reshape(p.shape)
    for k, p in enumerate(target.shifts):
        moved[p.name] = (shift if target.shift is None and k == 0 else zeros).reshape(p.shape)
    if source.weight is not None:
        moved[target.weight.name] = weights[source.weight.name].reshape(target.weight.shape)


def _set_scale(part: AffineParts, weights: Weights, ones: Any) -> None:
    for p in (part.scale, *part.scales):
        if p is not None:
            weights[p.name] = ones.reshape(p.shape)


def _set_shift(part: AffineParts, weights: Weights, zeros: Any) -> None:
    for p in (part.shift, *part.shifts):
        if p is not None:
            weights[p.name] = zeros.reshape(p.shape)
