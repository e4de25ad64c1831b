"""What the picture says of one layer: operator, settings, weights, shapes, costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoodiff.graph.cost import macs_of
from zoodiff.graph.ir import AttributeValue, Node, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.wording import shown, sides, window
from zoodiff.text import visible

_LONGEST = 300
"""Characters shown of a name or a value."""
_WINDOWS = frozenset({"AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"})
_HIDDEN = frozenset({"in_features", "out_features"})
"""Attributes that the shapes of the weights say, too."""


@dataclass(frozen=True)
class NodeFacts:
    """One operator of a layer."""

    name: str
    op: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class WeightFacts:
    """One weight, as its network stores it."""

    name: str
    role: str
    shape: str
    dtype: str
    layout: str


@dataclass(frozen=True)
class LayerFacts:
    """A layer, an input or an output; all text is visible characters only."""

    name: str
    op: str
    summary: str
    """Kernel, stride and channels in a few characters."""
    shape: str
    """Of the result: (batch, channels, height, width)."""
    macs: int = 0
    nodes: tuple[NodeFacts, ...] = ()
    """The operator and the arithmetic behind it that belongs to the layer."""
    weights: tuple[WeightFacts, ...] = ()


def of_layer(graph: LayerGraph, layer: Layer) -> LayerFacts:
    """Return what is shown of a layer."""
    nodes = (layer.node, *layer.chain)
    return LayerFacts(
        plain(layer.name),
        plain(layer.op),
        plain(summary(layer)),
        extents(graph.shape(layer)),
        sum(int(macs_of(graph.graph, node)) for node in nodes),
        tuple(_node(node) for node in nodes),
        tuple(_weight(p) for node in nodes for p in node.parameters),
    )


def of_input(graph: LayerGraph, number: int) -> LayerFacts:
    """Return what is shown of an input of the network."""
    tensor = graph.graph.inputs[number]
    return LayerFacts(plain(tensor.name), "Input", plain(tensor.dtype), extents(tensor.shape))


def of_output(graph: LayerGraph, number: int) -> LayerFacts:
    """Return what is shown of an output of the network."""
    tensor = graph.graph.outputs[number]
    return LayerFacts(plain(tensor.name), "Output", plain(tensor.dtype), extents(tensor.shape))


def plain(text: object) -> str:
    """Return text as one line of visible characters, of bounded length."""
    return visible(text, most=_LONGEST)


def extents(shape: tuple[int, ...]) -> str:
    """Return a shape as a person writes it: 1 x 64 x 56 x 56, with multiplication signs."""
    return "\N{MULTIPLICATION SIGN}".join("?" if n < 0 else str(n) for n in shape)


def summary(layer: Layer) -> str:
    """Return the few settings that tell a layer from its neighbours."""
    a = layer.node.attributes
    if layer.op in _WINDOWS and "kernel_shape" in a:
        return _window(a)
    if layer.op == "Gemm":
        return f"{shown(a.get('in_features'))} \N{RIGHTWARDS ARROW} {shown(a.get('out_features'))}"
    if layer.op == "Clip":
        return f"{shown(a.get('min'))} to {shown(a.get('max'))}"
    if layer.op.endswith("Normalization") and "epsilon" in a:
        return f"\N{GREEK SMALL LETTER EPSILON} {shown(a['epsilon'])}"
    return ""


def _window(a: Mapping[str, AttributeValue]) -> str:
    words = [_sized(a["kernel_shape"])]
    if "out_channels" in a:
        words.append(f"\N{RIGHTWARDS ARROW} {a['out_channels']}")
    strides = a.get("strides")
    if isinstance(strides, list) and any(step != 1 for step in strides):
        words.append(f"stride {strides[0] if len(set(strides)) == 1 else _sized(strides)}")
    if isinstance(a.get("group"), int) and a["group"] != 1:
        words.append(f"groups {a['group']}")
    return " ".join(words)


def _sized(kernel: AttributeValue) -> str:
    return window(kernel).replace("x", "\N{MULTIPLICATION SIGN}")


def _node(node: Node) -> NodeFacts:
    pairs = (
        (plain(key), plain(_value(key, value)))
        for key, value in sorted(node.attributes.items())
        if value is not None and key not in _HIDDEN
    )
    return NodeFacts(plain(node.name), plain(node.op), tuple(pairs))


def _value(key: str, value: AttributeValue) -> str:
    if key == "kernel_shape":
        return _sized(value)
    if key == "pads" and isinstance(value, list) and all(isinstance(n, int) for n in value):
        return sides(value)  # type: ignore[arg-type]
    return shown(value)


def _weight(p: Parameter) -> WeightFacts:
    return WeightFacts(
        plain(p.name), plain(p.role), extents(p.shape), plain(p.dtype), plain(p.layout)
    )
