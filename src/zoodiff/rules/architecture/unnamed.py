"""What no other rule names: an attribute (ARC180), layers (ARC190), an operator (ARC195)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.rules.context import (
    AlignedPair,
    Aspect,
    Difference,
    LayerPair,
    Undo,
    for_layers,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called, shown, steps_in_words

_EXTENTS = frozenset({"batch", "k", "m", "n"})
_SHAPES = frozenset({"axis", "perm", "shape"})
_BOUNDS = frozenset({"axes", "ends", "starts", "steps"})


def _attributes(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op == pair.b.op == "Slice" and len(_BOUNDS & set(pair.unclaimed)) > 1:
        keys = [key for key in pair.unclaimed if key in _BOUNDS]
        pair.claim(*keys)
        left, right = (_bounds(layer) for layer in (pair.a, pair.b))
        yield pair.difference("ARC180", left, right, *keys)
    for key, (left, right) in list(pair.unclaimed.items()):
        pair.claim(key)
        if not _follows(key, pair, networks):
            name = key.value if isinstance(key, Aspect) else key
            if pair.a.op == "Reshape":
                name = "reshape before a transposition:"
            if key is Aspect.PIXELS:
                words = (steps_in_words(layer) for layer in (pair.a, pair.b))
                yield pair.difference("ARC180", *words, key, undo=Undo.PIXELS)
                continue
            yield pair.difference("ARC180", f"{name} {shown(left)}", f"{name} {shown(right)}", key)


def _bounds(layer: Layer) -> str:
    """Which elements a slice takes, in words."""
    a: Mapping[str, Any] = layer.node.attributes
    steps = a.get("steps") or [1] * len(a["starts"])
    return "; ".join(
        f"elements {start} to {end} of axis {axis}{f' in steps of {step}' if step != 1 else ''}"
        for axis, start, end, step in zip(a["axes"], a["starts"], a["ends"], steps, strict=True)
    )


def _follows(key: str | Aspect, pair: LayerPair, networks: AlignedPair) -> bool:
    """Whether it follows from sizes and numbers of channels, which have rules of their own."""
    return (
        (pair.a.op == "Reshape" and key in _SHAPES and not _shuffles(pair, networks))
        or (key == "axis" and pair.a.affine and not _same_shapes(pair, networks))
        or (key == "axis" and pair.a.op == "Gemm" and _along_the_last(pair, networks))
        or (pair.a.op == "MatMul" and key in _EXTENTS)
        # One weight per place of the image.
        or (key == "constant_shape" and networks.a.inputs != networks.b.inputs)
    )


def _along_the_last(pair: LayerPair, networks: AlignedPair) -> bool:
    """Whether two linear layers work along the last axis, of rows that one of them flattens."""
    return all(
        layer.node.attributes.get("axis")
        == len(graph.graph.tensors[layer.node.inputs[0]].shape) - 1
        for graph, layer in ((networks.a, pair.a), (networks.b, pair.b))
    )


def _shuffles(pair: LayerPair, networks: AlignedPair) -> bool:
    """Whether both reshape the same map for a transposition and end in the same shape again.

    A shuffle of channels does; heads of an attention end in shapes of their own.
    """
    ends = []
    for graph, layer in ((networks.a, pair.a), (networks.b, pair.b)):
        end = layer
        for op in ("Transpose", "Reshape"):
            users = [graph.layers[user] for user, _ in end.users]
            if len(users) != 1 or users[0].op != op:
                return False
            end = users[0]
        ends.append(graph.shape(end))
    return ends[0] == ends[1] and _same_shapes(pair, networks)


def _same_shapes(pair: LayerPair, networks: AlignedPair) -> bool:
    """Whether both layers read tensors of the same shapes."""
    shapes = [
        [graph.graph.tensors[tensor].shape for tensor in layer.node.inputs]
        for graph, layer in ((networks.a, pair.a), (networks.b, pair.b))
    ]
    return shapes[0] == shapes[1]


def _operator(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.claim(Aspect.OPERATOR):
        left, right = called(pair.a), called(pair.b)
        yield pair.difference("ARC195", left, right, Aspect.OPERATOR, undo=Undo.OPERATOR)


def _with_operator(op: str, **attributes: Any) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    return net.classifier(net.conv(net.add(op, x, **attributes), 8))


def _longer(*, convolution: bool = False, activation: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    if convolution:
        x = net.add("Relu", net.conv(x, 8, 5, name="more"), name="more/relu")
    if activation:
        x = net.add("Tanh", x)
    return net.classifier(net.conv(x, 8))


OTHER_ATTRIBUTE = Rule(
    code="ARC180",
    name="other attribute",
    effect="function",
    cause="Two layers with the same operator differ in an attribute that no other rule describes.",
    consequence="Outputs probably differ.",
    advice="Inspect the attribute.",
    references=("ONNX operators, https://onnx.ai/onnx/operators/",),
    check=for_layers(_attributes),
    after=("ARC195",),
    fallback=True,
    example=Example(
        networks=lambda: (
            _with_operator("custom::Wobble", rate=0.1),
            _with_operator("custom::Wobble", rate=0.2),
        ),
        twin=lambda: (
            _with_operator("LeakyRelu", alpha=0.1),
            _with_operator("LeakyRelu", alpha=0.2),
        ),
        twin_shows="Another rule describes activations and their attributes.",
    ),
)
OTHER_LAYERS = Rule(
    code="ARC190",
    name="layers in one network only",
    effect="function",
    cause="One network has layers that the other lacks, and no other rule describes them.",
    consequence="Outputs differ.",
    advice="Inspect the listed layers.",
    references=("ONNX operators, https://onnx.ai/onnx/operators/",),
    check=for_regions("ARC190"),
    describes=Description(lambda graph, layers: True),
    fallback=True,
    example=Example(
        networks=lambda: (_longer(), _longer(convolution=True)),
        twin=lambda: (_longer(), _longer(activation=True)),
        twin_shows="Another rule describes an activation in one network only.",
    ),
)
OTHER_OPERATOR = Rule(
    code="ARC195",
    name="other operator",
    effect="function",
    cause="Two layers in the same place compute different things.",
    consequence="Outputs differ.",
    advice="Inspect the listed places: no other rule describes this difference.",
    references=("ONNX operators, https://onnx.ai/onnx/operators/",),
    check=for_layers(_operator),
    fallback=True,
    example=Example(
        networks=lambda: (_with_operator("Exp"), _with_operator("Abs")),
        twin=lambda: (
            _with_operator("LeakyRelu", alpha=0.1),
            _with_operator("Elu", alpha=1.0),
        ),
        twin_shows="Another rule describes two different activations in one place.",
    ),
)
