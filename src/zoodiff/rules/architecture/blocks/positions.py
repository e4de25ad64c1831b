"""Position embeddings that only one network adds (ARC175)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Difference
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule

_CODE = "ARC175"


def _positions(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers add one learned number to each element of the tokens.

    It is a weight of their shape, or rows of a table that computed positions choose.
    """
    if len(layers) > 1 and layers[-2].op == "onnx::Gather":
        chooses = all(layer.op == "GatherElements" for layer in layers[:-2])
        return chooses and _rows_added(graph, layers[-2], layers[-1])
    if len(layers) != 1 or layers[0].op != "Add" or layers[0].chain:
        return False
    (layer,) = layers
    node, shape = layer.node, graph.shape(layer)
    if len(node.inputs) != 1 or len(node.parameters) != 1 or "axis" in node.attributes:
        return False
    (learned,) = node.parameters
    wide = [extent for extent in learned.shape if extent != 1]
    users = {graph.layers[user].op for user, _ in layer.users}
    everywhere = wide in (
        [extent for extent in shape[1:] if extent != 1],
        [extent for extent in shape if extent != 1],
    )
    return everywhere and len(wide) > 1 and learned.trainable and "Softmax" not in users


def _rows_added(graph: LayerGraph, rows: Layer, total: Layer) -> bool:
    """Whether rows of a table are added to something, and read by nothing else."""
    added = total.op == "Add" and len(total.inputs) == 2 and rows.index in total.inputs
    return added and len(rows.users) == 1 and bool(rows.inputs) and bool(rows.node.parameters)


def _named(networks: AlignedPair) -> Iterable[Difference]:
    for difference in for_regions(_CODE)(networks):
        sides = ((networks.a, difference.a), (networks.b, difference.b))
        left, right = (_words(graph, indices) for graph, indices in sides)
        yield Difference(
            _CODE,
            left,
            right,
            difference.a,
            difference.b,
            noun="places",
            parameters=difference.parameters,
        )


def _words(graph: LayerGraph, indices: Sequence[int]) -> str:
    if not indices:
        return "none"
    learned = next(p for i in indices for p in graph.layers[i].node.parameters)
    shape = ", ".join(map(str, _stored(learned)))
    chosen = learned.result or any(graph.layers[i].op != "Add" for i in indices)
    return f"{'embedding of positions or types' if chosen else 'position embedding'} ({shape})"


def _stored(parameter: Parameter) -> tuple[int, ...]:
    """The shape of a weight before it was turned."""
    shape = parameter.shape
    for step, axes in reversed(parameter.view):
        if step != "transpose":
            break
        before = [0] * len(axes)
        for place, axis in enumerate(axes):
            before[axis] = shape[place]
        shape = tuple(before)
    return shape


def _tokens(*, positions: bool, activation: bool = False) -> Graph:
    """A map as tokens, to which positions are added."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1])
    if positions:
        embedding = Parameter("embedding", (1, 16, 8), role="constant")
        x = net.add("Add", x, parameters=[embedding], constant_shape=[1, 16, 8], name="positions")
    x = net.add("Relu", x) if activation else x
    x = net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False)
    return net.graph(net.linear(x, 10))


POSITION_EMBEDDING = Rule(
    code=_CODE,
    name="position embedding",
    effect="function",
    cause="Only one network adds a learned embedding of its position, or of its type, to each "
    "token.",
    consequence="Outputs differ. The other network knows no order of its tokens, unless it has it "
    "from elsewhere: from convolutions, or from a bias in its attention.",
    advice="Check whether the export lost the embedding, and whether the weights were trained "
    "with it.",
    references=(
        "A. Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021, arXiv:2010.11929",
        "A. Vaswani et al., Attention is all you need, NIPS 2017, arXiv:1706.03762 (section 3.5)",
    ),
    check=_named,
    describes=Description(_positions),
    example=Example(
        networks=lambda: (_tokens(positions=True), _tokens(positions=False)),
        twin=lambda: (
            _tokens(positions=True),
            _tokens(positions=True, activation=True),
        ),
        twin_shows="Both add positions; there is an activation behind them in one.",
    ),
)
