"""The axes over which a softmax sums (ARC144)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_KEYS = ("axis", "axes", "flattened")


def _axes(layer: Layer) -> str:
    a = layer.node.attributes
    axis = a.get("axis", -1)
    if a.get("flattened"):
        return f"over all axes from axis {axis} on (ONNX before opset 13)"
    return f"over axis {axis}"


def _softmax(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if {pair.a.op, pair.b.op} <= {"Softmax", "LogSoftmax"} and pair.a.op == pair.b.op:
        keys = [key for key in _KEYS if key in pair.unclaimed]
        if keys:
            pair.claim(*keys)
            left, right = _axes(pair.a), _axes(pair.b)
            if left == right:
                return
            yield pair.difference("ARC144", left, right, *keys, noun="softmaxes")


def _ending(**attributes: Any) -> Graph:
    net = TinyNetwork(size=4)
    x = net.conv(net.add("Relu", net.conv("image", 8)), 4, 1)
    return net.graph(net.add("Softmax", x, **attributes))


SOFTMAX_AXES = Rule(
    code="ARC144",
    name="axes of a softmax",
    effect="function",
    cause="One softmax sums over one axis, the other over another axis or over several at once. "
    "Up to opset 12, ONNX's softmax covers all axes from the given one on.",
    consequence="Outputs differ: probabilities add up to one over different elements.",
    advice="Export with opset 13 or newer, or name the axis.",
    references=("apache/tvm#20183", "ONNX operators, Softmax, opsets 1, 11 and 13"),
    check=for_layers(_softmax),
    example=Example(
        networks=lambda: (_ending(axis=1), _ending(axis=1, flattened=True)),
        twin=lambda: (_ending(axis=1), _ending(axis=1, flattened=False)),
        twin_shows="Both sum over the channels.",
    ),
)
