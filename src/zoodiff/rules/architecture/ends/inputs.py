"""Beginnings of networks: input size (ARC151), and arithmetic on pixels (ARC150, ARC152)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import (
    AlignedPair,
    Aspect,
    Difference,
    LayerPair,
    Undo,
    for_layers,
    in_order,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import steps_in_words, window

_OPERATORS = frozenset(
    {"Add", "Cast", "Concat", "Div", "Mul", "Reshape", "Slice", "Sub", "Transpose"}
)


def _at_input(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether the layers are arithmetic on pixels, right behind the input."""
    inside = {layer.index for layer in layers}
    return all(
        layer.op in _OPERATORS and all(i < 0 or i in inside for i in layer.inputs)
        for layer in layers
    )


def _learned(layer: Layer) -> bool:
    return any(node.parameters for node in (layer.node, *layer.chain))


def _axes(layer: Layer) -> frozenset[object]:
    """Axes along which the numbers of a layer lie."""
    axes = frozenset[object](n.attributes.get("axis") for n in (layer.node, *layer.chain))
    return axes - {None, 1}


def _numbers(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if _axes(pair.a) != _axes(pair.b):
        return  # numbers of other axes than the channels are no preprocessing
    if _learned(pair.a) == _learned(pair.b) and pair.claim(Aspect.PIXELS):
        left, right = (steps_in_words(layer) for layer in (pair.a, pair.b))
        yield pair.difference("ARC150", left, right, Aspect.PIXELS, noun="places", undo=Undo.PIXELS)


def _kept(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if _learned(pair.a) != _learned(pair.b) and pair.claim(Aspect.PIXELS):
        left, right = (
            f"numbers kept as {'weights' if _learned(layer) else 'constants'}"
            for layer in (pair.a, pair.b)
        )
        yield pair.difference("ARC152", left, right, Aspect.PIXELS, noun="places", undo=Undo.PIXELS)


def _sizes(networks: AlignedPair) -> Iterable[Difference]:
    inputs = (networks.a.inputs, networks.b.inputs)
    for first, second in zip(*inputs, strict=False):
        if first != second:
            left, right = window(first[1:]), window(second[1:])
            yield Difference("ARC151", left, right, undo=Undo.NOTHING, noun="inputs")
    if len(inputs[0]) != len(inputs[1]):
        left, right = (f"{len(shapes)} inputs" for shapes in inputs)
        yield Difference("ARC151", left, right, undo=Undo.NOTHING, noun="inputs")


def _scaled(*steps: tuple[str, float]) -> Graph:
    net = TinyNetwork()
    x = "image"
    for op, value in steps:
        x = net.add(op, x, value=value)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def _weighted() -> Graph:
    net = TinyNetwork()
    x = "image"
    for op in ("Mul", "Add"):
        numbers = Parameter("numbers", (3,), trainable=False, role="constant")
        x = net.add(op, x, parameters=(numbers,), axis=1)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def _sized(size: int, stride: int = 1) -> Graph:
    net = TinyNetwork(size=size)
    return net.classifier(net.add("Relu", net.conv("image", 8, stride=stride)))


PREPROCESSING_INSIDE = Rule(
    code="ARC150",
    name="preprocessing inside",
    effect="preprocessing",
    cause="One network scales or normalises its pixels itself; the other expects prepared pixels, "
    "or scales them differently.",
    consequence="Preprocessing twice, or not at all, costs 5 to 40 points of top-1, and no error "
    "is raised.",
    advice="Use the preprocessing of the network's own zoo; `zoodiff show` prints it.",
    references=(
        "pytorch/vision#1709",
        "tensorflow/tensorflow#46105",
        "tensorflow/tensorflow#48066",
        "keras-team/keras#16982",
    ),
    check=in_order(for_layers(_numbers), for_regions("ARC150")),
    describes=Description(_at_input),
    example=Example(
        networks=lambda: (_scaled(), _scaled(("Mul", 1 / 127.5), ("Add", -1.0))),
        twin=lambda: (
            _scaled(("Mul", 1 / 127.5), ("Add", -1.0)),
            _scaled(("Sub", 127.5), ("Div", 127.5)),
        ),
        twin_shows="Both networks bring pixels from [0, 255] to [-1, 1]; they write it in another "
        "order.",
    ),
)
INPUT_SIZE = Rule(
    code="ARC151",
    name="input size",
    effect="function",
    cause="The networks take images of different sizes or with different numbers of channels.",
    consequence="MACs, latency and accuracy differ. Padding may be on different sides.",
    advice="State the input size with each accuracy.",
    references=("pytorch/vision#4936", "pytorch/vision#5958"),
    check=_sizes,
    example=Example(
        networks=lambda: (_sized(16), _sized(32)),
        twin=lambda: (_sized(16), _sized(16, stride=2)),
        twin_shows="The images have the same size; a layer inside the network makes the maps "
        "smaller.",
    ),
)
PREPROCESSING_WEIGHTS = Rule(
    code="ARC152",
    name="preprocessing weights",
    effect="parametrisation",
    cause="Both networks scale or normalise their pixels. One stores the numbers as weights, the "
    "other as constants of the graph (as exporters do).",
    consequence="Both can express the same functions. The structure does not show whether the "
    "numbers agree.",
    advice="Compare the numbers: `zoodiff diff --weights`.",
    references=("tensorflow/tensorflow#49930",),
    check=for_layers(_kept),
    example=Example(
        networks=lambda: (_weighted(), _scaled(("Mul", 1 / 127.5), ("Add", -1.0))),
        twin=lambda: (
            _scaled(("Mul", 1 / 255), ("Add", -0.5)),
            _scaled(("Mul", 1 / 127.5), ("Add", -1.0)),
        ),
        twin_shows="Both networks keep their numbers as constants; the numbers differ.",
    ),
)
