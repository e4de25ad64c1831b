"""Whether two networks hold the same weights, whatever their format, names and layout.

Weights are compared along the alignment of the two canonical graphs, in the canonical order of
their axes. So a copy in another container, with other names, transposed, or with its batch norms
folded is recognised. Per channel a layer computes :math:`y = s (W x) + t`; two layers are equal
after folding where :math:`s W` and :math:`t` are. Layers with equal arrays are identical, whatever
the epsilon of their norm: that is an attribute, and a finding of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.equivalence.weights.computed_weights import results
from zoodiff.equivalence.weights.rounded_weights import (
    RoundedLayer,
    Steps,
    canonical_steps,
    equal_up_to_rounding,
)
from zoodiff.equivalence.weights.weight_transfer import AFFINE, folded, own_parameters, parts
from zoodiff.errors import MeasurementError
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.graph.passes.weights.computed import COMPUTED
from zoodiff.graph.recurrent import GATES, directions
from zoodiff.graph.weights import Weights, viewed

Sameness = Literal[
    "identical",
    "equal after rounding",
    "equal after folding",
    "equal after quantisation",
    "differ",
]
_FOLDING = 2e-5
"""Relative; what single precision loses when a norm is folded into weights."""


@dataclass(frozen=True)
class LayerWeights:
    """The weights of two aligned layers, or of a layer without counterpart."""

    a: str
    b: str
    """Names in the sources, of the norm where only its weights differ; one is empty where only one
    network has the layer."""
    sameness: Sameness
    difference: float | None
    """Largest difference over the largest weight; None where shapes differ."""


@dataclass(frozen=True)
class WeightsDiff:
    """The verdict, and every layer with weights."""

    layers: tuple[LayerWeights, ...]

    @property
    def sameness(self) -> Sameness:
        """The weakest verdict of any layer."""
        verdicts = {layer.sameness for layer in self.layers}
        return next((verdict for verdict in _ORDER if verdict in verdicts), "identical")

    @property
    def different(self) -> tuple[LayerWeights, ...]:
        """Layers that differ, the largest difference first."""
        different = [layer for layer in self.layers if layer.sameness == "differ"]
        return tuple(sorted(different, key=lambda x: -(x.difference or np.inf)))


_ORDER: tuple[Sameness, ...] = (
    "differ",
    "equal after quantisation",
    "equal after folding",
    "equal after rounding",
    "identical",
)


def compare_weights(diff: Diff, a: Mapping[str, Any], b: Mapping[str, Any]) -> WeightsDiff:
    """Compare the weights of two networks; ``a`` and ``b`` are as their frameworks store them.

    Raises MeasurementError where weights are missing or have other shapes than the graphs say.
    """
    mine, theirs = own_weights(diff.a, a), own_weights(diff.b, b)
    steps = canonical_steps(diff.a.canonical, a), canonical_steps(diff.b.canonical, b)
    return compare_aligned(diff.alignment, mine, theirs, steps)


def compare_aligned(
    alignment: Alignment,
    mine: Weights,
    theirs: Weights,
    steps: tuple[Steps, Steps] = (Steps(), Steps()),
) -> WeightsDiff:
    """The same for weights that are in canonical order already.

    ``steps`` are those of weights that are stored as integers.
    """
    layers = []
    for i, j in alignment.pairs:
        layer_a, layer_b = alignment.a.layers[i], alignment.b.layers[j]
        owned = own_parameters(layer_a), own_parameters(layer_b)
        if all(owned) or (any(owned) and not (layer_a.pixels and layer_b.pixels)):
            sameness, size = _compared(layer_a, layer_b, mine, theirs)
            if sameness == "differ":
                sides = (
                    RoundedLayer(layer_a, mine, steps[0]),
                    RoundedLayer(layer_b, theirs, steps[1]),
                )
                sameness = equal_up_to_rounding(*sides) or sameness
            names = layer_a.name, layer_b.name
            if sameness == "differ":
                names = differing_names(layer_a, layer_b, mine, theirs)
            layers.append(LayerWeights(*names, sameness, size))
    for index in alignment.only_a:
        if own_parameters(alignment.a.layers[index]):
            layers.append(LayerWeights(alignment.a.layers[index].name, "", "differ", None))
    for index in alignment.only_b:
        if own_parameters(alignment.b.layers[index]):
            layers.append(LayerWeights("", alignment.b.layers[index].name, "differ", None))
    return WeightsDiff(tuple(layers))


def differing_names(a: Layer, b: Layer, mine: Weights, theirs: Weights) -> tuple[str, str]:
    """Names of the nodes in which two layers differ: of a norm, if only its weights differ."""
    nodes = [(a.node, *a.chain), (b.node, *b.chain)]
    roles = [[[(p.role, p.size) for p in node.parameters] for node in side] for side in nodes]
    if roles[0] != roles[1]:
        return a.name, b.name
    differing = [
        (x.name, y.name)
        for x, y in zip(*nodes, strict=True)
        if any(
            not np.array_equal(mine[p.name].reshape(-1), theirs[q.name].reshape(-1))
            for p, q in zip(x.parameters, y.parameters, strict=True)
        )
    ]
    return differing[0] if differing else (a.name, b.name)


def own_weights(side: Side, stored: Mapping[str, Any]) -> Weights:
    """Return the weights of a network's canonical graph, those that it computes included.

    ``stored`` are weights as its framework stores them. Raises MeasurementError as ``canonical``.
    """
    parameters = [p for node in side.canonical.nodes for p in node.parameters]
    computed = {p.result for p in parameters if p.result}
    return canonical(side.canonical, stored, results(side.graph, computed, stored))


def canonical(
    graph: Graph, stored: Mapping[str, Any], computed: Mapping[str, Any] | None = None
) -> Weights:
    """Return the weights of a canonical graph from those that a framework stores.

    ``computed`` has the numbers of weights that the source computes, by ``Parameter.result``.
    Raises MeasurementError for a weight that is missing, or has another shape than the graph says.
    """
    computed = computed or {}
    weights: Weights = {}
    for p in (p for node in graph.nodes for p in node.parameters):
        if p.stored not in stored:
            raise MeasurementError(f"{graph.source} gives no values for its weight {p.stored}")
        is_computed = p.view[:1] == (COMPUTED,) and p.result in computed
        if COMPUTED in p.view and not is_computed:
            raise MeasurementError(
                f"{graph.source} computes with its weight {p.stored} before using it, so the "
                "values that it uses are not known"
            )
        try:
            if is_computed:
                moved = replace(p, view=p.view[1:])
                weights[p.name] = viewed(moved, np.asarray(computed[p.result])).reshape(p.shape)
            else:
                weights[p.name] = viewed(p, np.asarray(stored[p.stored])).reshape(p.shape)
        except ValueError:
            raise MeasurementError(
                f"the weight {p.name} of {graph.source} has another shape than its graph says, "
                f"{p.shape}"
            ) from None
    return weights


def _compared(
    layer_a: Layer, layer_b: Layer, a: Weights, b: Weights
) -> tuple[Sameness, float | None]:
    owned = own_parameters(layer_a), own_parameters(layer_b)
    roles = [[(p.role, p.size) for p in side] for side in owned]
    difference: float | None = None
    if roles[0] == roles[1]:
        pairs = [
            _without_hidden(a[p.name].reshape(-1), b[q.name].reshape(-1))
            for p, q in zip(*owned, strict=True)
        ]
        if all(np.array_equal(x, y) for x, y in pairs):
            return "identical", 0.0
        difference = max(_relative(x, y) for x, y in pairs)
        if all(_rounded(x, y) for x, y in pairs):
            return "equal after rounding", difference
        if difference <= _FOLDING and _epsilons(layer_a) == _epsilons(layer_b) == []:
            return "equal after folding", difference  # by weights that hold what was folded
    effective = [effective_weights(side, w) for side, w in ((layer_a, a), (layer_b, b))]
    if effective[0] is not None and effective[1] is not None:
        if [x.shape for x in effective[0]] != [x.shape for x in effective[1]]:
            return "differ", None
        difference = max(_relative(x, y) for x, y in zip(*effective, strict=True))
        if difference <= _FOLDING:
            return "equal after folding", difference
    return "differ", difference


def _epsilons(layer: Layer) -> list[Any]:
    nodes = (layer.node, *layer.chain)
    return [n.attributes["epsilon"] for n in nodes if "epsilon" in n.attributes]


def effective_weights(layer: Layer, weights: Weights) -> list[Any] | None:
    """Scaled weights (out, rest) and shifts (out,) of a layer that is affine per channel.

    A norm that stands alone has scales (channels,) in their place, a recurrent layer has kernels
    and biases of each direction. None for other layers.
    """
    special = _SPECIAL.get(layer.op)
    if special is not None and not layer.chain:
        return special(layer, weights)
    if not (layer.op in AFFINE or layer.affine):
        return None
    layer_parts = parts(layer)
    if layer_parts is None:
        return None
    if layer_parts.weight is None:
        width = max(p.size for p in own_parameters(layer))
        scale, shift = folded(layer_parts, weights, width)
        return [np.asarray(scale), np.asarray(shift)]
    weight = weights[layer_parts.weight.name].astype(np.float64)
    if layer.op == "ConvTranspose":
        return None
    scale, shift = folded(layer_parts, weights, weight.shape[0])
    scaled = weight.reshape(weight.shape[0], -1) * np.asarray(scale).reshape(-1, 1)
    return [scaled, np.asarray(shift)]


def recurrent_weights(layer: Layer, weights: Weights) -> list[Any] | None:
    """Kernels of a recurrent layer and its biases as they act, in double precision."""
    node = layer.node
    arrays = [weights[p.name].astype(np.float64) for p in node.parameters]
    try:
        each = directions(node.op, node.attributes, [p.role for p in node.parameters], arrays)
    except (LookupError, ValueError):
        return None
    return [array for direction in each for array in direction.arrays]


def _terms(layer: Layer, weights: Weights) -> list[Any] | None:
    """Scale and shift of a norm; what it lacks is one or zero."""
    norm = parts(layer)
    if norm is None or not (norm.scale or norm.shift):
        return None
    shape = (norm.scale or norm.shift).shape
    scale = np.ones(shape) if norm.scale is None else weights[norm.scale.name].reshape(shape)
    shift = np.zeros(shape) if norm.shift is None else weights[norm.shift.name].reshape(shape)
    return [scale.astype(np.float64), shift.astype(np.float64)]


_SPECIAL: dict[str, Callable[[Layer, Weights], list[Any] | None]] = {
    **dict.fromkeys(("GroupNormalization", "LayerNormalization", "RMSNormalization"), _terms),
    **dict.fromkeys(GATES, recurrent_weights),
}
"""Layers that are no product with a weight: how to read what is learned of each."""


_HIDDEN = -1e30
"""A number of a table that gives a score no weight; next to it all others would be nothing."""


def _without_hidden(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two arrays with zeros where both have numbers that hide a score."""
    if not x.size or max(float(x.min()), float(y.min())) > _HIDDEN or x.shape != y.shape:
        return x, y
    hidden = (x < _HIDDEN) & (y < _HIDDEN)
    return np.where(hidden, np.zeros_like(x), x), np.where(hidden, np.zeros_like(y), y)


def _relative(x: Any, y: Any) -> float:
    x, y = np.asarray(x), np.asarray(y)
    if not x.size:
        return 0.0
    if {x.dtype, y.dtype} != {np.dtype(np.float32)}:  # else their difference is exact enough
        x, y = x.astype(np.float64), y.astype(np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return 0.0 if np.array_equal(x, y, equal_nan=True) else float("inf")
    size = max(float(np.max(np.abs(x))), float(np.max(np.abs(y))), 1e-300)
    return float(np.max(np.abs(x - y))) / size


_SAMPLE = 4096
"""Elements that are looked at before all are."""


def _rounded(x: Any, y: Any) -> bool:
    """Whether one is the other in half precision or bfloat16, or they are equal."""
    if x.size > _SAMPLE and not _rounded(x[:_SAMPLE], y[:_SAMPLE]):
        return False  # as most are; the whole of it is large
    return np.array_equal(x, y) or any(
        np.array_equal(kind(x), y) or np.array_equal(x, kind(y)) for kind in (as_half, as_bfloat16)
    )


def as_half(values: Any) -> Any:
    """Values rounded to half precision (IEEE 754 binary16), as single precision."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float16).astype(np.float32)


def as_bfloat16(values: Any) -> Any:
    """Values rounded to bfloat16, to the nearest and ties to even, as single precision."""
    single = np.ascontiguousarray(values, dtype=np.float32)
    bits = single.view(np.uint32)
    up = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    rounded = ((bits + up) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isfinite(single), rounded, single)
