"""What rules look at: two aligned networks, pair by pair and region by region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer, LayerGraph, rounded


class Undo(Enum):
    """How a difference is taken back in the second network, for a counterfactual."""

    ATTRIBUTES = "attributes"
    """Copy the attributes that it explains; weights of another shape come along."""
    EPSILON = "epsilon"
    """Copy the epsilon of the batch norm behind the layer."""
    CHAIN = "chain"
    """Copy the weights and all per-channel arithmetic behind them."""
    OPERATOR = "operator"
    """Copy the operator with its attributes and weights."""
    PIXELS = "pixels"
    """Copy the arithmetic on pixels as a whole."""
    INPUTS = "inputs"
    """Read the same layers."""
    LAYERS = "layers"
    """Put in the layers of the first network, and leave out those of the second."""
    NOTHING = "nothing"
    """Leave the network as it is: inference does not depend on it, or the input has to change."""


@dataclass(frozen=True)
class Difference:
    """One local difference, named."""

    code: str
    left: str
    """How the first network has it, as a person would say."""
    right: str
    a: tuple[int, ...] = ()
    """Layers of the first network that it is about."""
    b: tuple[int, ...] = ()
    undo: Undo = Undo.LAYERS
    keys: tuple[str, ...] = ()
    """Attributes of aligned layers that it explains."""
    noun: str = ""
    """What the places are, in the plural: "convolutions"."""
    parameters: int = 0
    """How many more parameters the second network has for it."""


@dataclass
class LayerPair:
    """Two aligned layers, and what about them differs and no rule has named yet."""

    a: Layer
    b: Layer
    unclaimed: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def claim(self, *keys: str) -> tuple[Any, Any] | None:
        """Take a difference out, so that no other rule names it; None where there is none."""
        found = [self.unclaimed.pop(key) for key in keys if key in self.unclaimed]
        return found[0] if found else None

    def difference(
        self,
        code: str,
        left: Any,
        right: Any,
        *keys: str,
        noun: str = "",
        undo: Undo = Undo.ATTRIBUTES,
    ) -> Difference:
        """A named difference of this pair."""
        return Difference(
            code,
            shown(left),
            shown(right),
            (self.a.index,),
            (self.b.index,),
            undo,
            keys,
            noun or plural(self.a),
        )


@dataclass(frozen=True)
class Region:
    """Connected layers that only one network has, and what stands in their place in the other."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass
class AlignedPair:
    """Two networks, aligned."""

    alignment: Alignment
    pairs: list[LayerPair] = field(default_factory=list)
    """Those that differ."""

    @property
    def a(self) -> LayerGraph:
        """The first network."""
        return self.alignment.a

    @property
    def b(self) -> LayerGraph:
        """The second network."""
        return self.alignment.b

    @cached_property
    def to_b(self) -> Mapping[int, int]:
        """Layers of the first network -> layers of the second."""
        return self.alignment.to_b

    @cached_property
    def to_a(self) -> Mapping[int, int]:
        """The other way round."""
        return self.alignment.to_a

    def sizes(self, pair: LayerPair) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Height and width that go into two aligned layers."""
        return _spatial(self.a, pair.a), _spatial(self.b, pair.b)


def _spatial(graph: LayerGraph, layer: Layer) -> tuple[int, ...]:
    if not layer.node.inputs:
        return ()
    tensor = graph.graph.tensors.get(layer.node.inputs[0])
    return tensor.shape[2:] if tensor is not None and len(tensor.shape) == 4 else ()


def compared(a: Layer, b: Layer) -> dict[str, tuple[Any, Any]]:
    """What differs between two aligned layers: key -> (first, second)."""
    if a.label == b.label:
        return {}
    mine, theirs = a.node.attributes, b.node.attributes
    if {a.op, b.op} == {"Conv", "Gemm"}:
        mine, theirs = (_as_convolution(x) for x in (mine, theirs))
        if mine["kernel_shape"] != theirs["kernel_shape"]:
            return {"op": (a, b)}
    elif a.pixels and b.pixels:
        return {"pixels": (a, b)}
    elif a.affine and b.affine:
        return {"items": (a.items, b.items)}
    elif a.op != b.op:
        return {"op": (a, b)}
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(set(mine) | set(theirs)):
        if key in _CHAIN and (key not in _OWN or a.op == "BatchNormalization"):
            continue
        one, other = rounded(mine.get(key)), rounded(theirs.get(key))
        if one != other and not (key in _FLAGS and bool(one) == bool(other)):
            found[key] = (mine.get(key), theirs.get(key))
    if a.items != b.items and (a.chain or b.chain or "bias" in mine or "bias" in theirs):
        found["items"] = (a.items, b.items)
    if not found:
        one_shapes, other_shapes = ([p.shape for p in x.node.parameters] for x in (a, b))
        if one_shapes != other_shapes:
            found["parameters"] = (one_shapes, other_shapes)
    return found


def _as_convolution(a: Mapping[str, Any]) -> Mapping[str, Any]:
    """A linear layer as the 1x1 convolution of a map of one pixel; a convolution as it is."""
    if "out_features" not in a:
        return {**a, "out_features": None}
    return {
        "kernel_shape": [1, 1],
        "strides": [1, 1],
        "dilations": [1, 1],
        "group": 1,
        "pads": [0, 0, 0, 0],
        "out_channels": a["out_features"],
        "out_features": None,
        "bias": a.get("bias"),
    }


_CHAIN = frozenset({"bias", "center", "epsilon", "in_features", "momentum", "scale", "training"})
"""Attributes that are compared as part of the affine chain, or follow from others."""
_OWN = frozenset({"center", "epsilon", "scale"})
"""Attributes that other norms than batch norms have by themselves."""
_FLAGS = frozenset({"ceil_mode", "count_include_pad", "transA", "transB"})


def shown(value: Any) -> str:
    """A value as a person writes it."""
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return "none" if value is None else "no"
    if value is True:
        return "yes"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(shown(v) for v in value) + ")"
    return str(value)


def window(kernel: Any) -> str:
    """A kernel as a person writes it: 3x3."""
    return "x".join(str(n) for n in kernel)


def plural(layer: Layer) -> str:
    """What layers of this operator are called."""
    if layer.op == "Conv":
        group = layer.node.attributes.get("group", 1)
        depthwise = group == layer.node.attributes.get("out_channels") and group != 1
        return "depthwise convolutions" if depthwise else "convolutions"
    return _PLURALS.get(layer.op, f"{layer.op} layers")


_PLURALS = {
    "Add": "additions",
    "AveragePool": "average pools",
    "BatchNormalization": "batch norms",
    "Concat": "concatenations",
    "ConvTranspose": "transposed convolutions",
    "Gemm": "linear layers",
    "GlobalAveragePool": "global average pools",
    "GroupNormalization": "group norms",
    "LRN": "local response norms",
    "LayerNormalization": "layer norms",
    "MatMul": "matrix products",
    "MaxPool": "maximum pools",
    "Mul": "multiplications",
    "Relu": "activations",
    "Softmax": "softmaxes",
}
