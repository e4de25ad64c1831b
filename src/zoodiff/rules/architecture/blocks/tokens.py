"""How the tokens of a transformer become one vector (ARC145)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Aspect, Difference, Undo, in_order
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule

_POOLING = frozenset({"GlobalAveragePool", "ReduceMax", "ReduceMean", "Reshape", "Slice"})
_BEHIND = 6
"""Layers that may follow the pooling of tokens: norms, linear layers, activations."""


def _of_tokens(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers choose or pool tokens, near the end of a network."""
    if not layers or not {layer.op for layer in layers} <= _POOLING:
        return False
    pooling = [x for x in layers if x.op != "Reshape"]
    return (
        bool(pooling)
        and all(_reads_tokens(graph, x) for x in pooling)
        and _near_end(graph, layers[-1])
    )


def _reads_tokens(graph: LayerGraph, layer: Layer) -> bool:
    tensor = graph.graph.tensors.get(layer.node.inputs[0]) if layer.node.inputs else None
    if tensor is None or len(tensor.shape) != 3:
        return False
    return layer.node.attributes.get("axes") in ([1], [2])


def _axis(layer: Layer) -> int:
    axes = layer.node.attributes["axes"]
    assert isinstance(axes, list)
    return int(axes[0])


def _near_end(graph: LayerGraph, layer: Layer) -> bool:
    """Whether only a few layers with one input each follow."""
    for _ in range(_BEHIND):
        if layer.index in graph.outputs:
            return True
        users = [graph.layers[user] for user, _ in layer.users]
        if len(users) != 1 or len(users[0].inputs) != 1:
            return False
        layer = users[0]
    return layer.index in graph.outputs


def _pooling(graph: LayerGraph) -> str:
    """How tokens are pooled, in words; empty where they are not."""
    words: list[str] = []
    tokens = 0
    for layer in graph.layers:
        if layer.op not in _POOLING or layer.op == "Reshape" or not _reads_tokens(graph, layer):
            continue
        if not _near_end(graph, layer):
            continue
        axis = _axis(layer)
        extent = graph.graph.tensors[layer.node.inputs[0]].shape[axis]
        tokens = tokens or extent
        if layer.op == "Slice":
            first, last = layer.node.attributes["starts"], layer.node.attributes["ends"]
            assert isinstance(first, list)
            assert isinstance(last, list)
            span = (int(first[0]), min(int(last[0]), extent))
            if span[1] - span[0] == 1:
                words.append(
                    "the first token (class token)" if span[0] == 0 else f"token {span[0]}"
                )
            elif span == (1, extent):
                words.append("without the class token")
            else:
                words.append(f"tokens {span[0]} to {span[1] - 1}")
        else:
            words.append("maximum" if layer.op == "ReduceMax" else "mean")
    if not words:
        return ""
    if len(words) == 1 and tokens and "token" not in words[0]:
        return f"{words[0]} of all {tokens} tokens"
    return " ".join(reversed(words))


def _tokens(networks: AlignedPair) -> Iterable[Difference]:
    for region in networks.regions.get("ARC145", ()):
        left, right = (_pooling(graph) or "none" for graph in (networks.a, networks.b))
        if left == right:
            yield from for_regions("ARC145")(networks)
            return
        yield Difference("ARC145", left, right, region.a, region.b, undo=Undo.LAYERS, noun="places")
    left, right = (_pooling(graph) or "none" for graph in (networks.a, networks.b))
    if left != right:
        yield from _slices(networks, left, right)


def _slices(networks: AlignedPair, left: str, right: str) -> Iterable[Difference]:
    """The aligned slices of tokens, which are part of the pooling."""
    for pair in networks.layers:
        sides = ((networks.a, pair.a), (networks.b, pair.b))
        if not all(
            layer.op == "Slice" and _reads_tokens(graph, layer) and _near_end(graph, layer)
            for graph, layer in sides
        ):
            continue
        if pair.claim(*_BOUNDS):
            yield pair.difference("ARC145", left, right, *_BOUNDS, noun="places")


def _operators(networks: AlignedPair) -> Iterable[Difference]:
    """One token in one network, and the mean or the maximum in its place in the other."""
    for pair in networks.layers:
        sides = ((networks.a, pair.a), (networks.b, pair.b))
        pools = all(
            layer.op in _POOLING and _reads_tokens(graph, layer) and _near_end(graph, layer)
            for graph, layer in sides
        )
        if pools and pair.claim(Aspect.OPERATOR):
            left, right = (_pooling(graph) for graph, _ in sides)
            yield pair.difference(
                "ARC145", left, right, Aspect.OPERATOR, noun="places", undo=Undo.OPERATOR
            )


_BOUNDS = ("starts", "ends", "steps")


def _transformer(pooled: str) -> Graph:
    """A map as tokens, of which one or the mean is classified."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Softmax", net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1]), axis=2)
    tokens = 16
    if pooled == "class":
        x = net.add("Slice", x, (1, 1, 8), axes=[1], starts=[0], ends=[1], steps=[1])
        return net.graph(net.linear(net.add("Reshape", x, (1, 8)), 10))
    if pooled == "without":
        tokens = 15
        x = net.add("Slice", x, (1, 15, 8), axes=[1], starts=[1], ends=[16], steps=[1])
    assert tokens
    x = net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False)
    x = net.add("Relu", x) if pooled == "relu" else x
    return net.graph(net.linear(x, 10))


TOKEN_POOLING = Rule(
    code="ARC145",
    name="pooling of tokens",
    effect="function",
    cause="The networks classify different tokens: the class token, the mean of all tokens, or the "
    "mean without the class token.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which pooling the weights were trained with.",
    references=("lucidrains/vit-pytorch#226", "A. Dosovitskiy et al., ICLR 2021, arXiv:2010.11929"),
    check=in_order(_operators, _tokens),
    describes=Description(_of_tokens, rank=3),
    example=Example(
        networks=lambda: (_transformer("mean"), _transformer("without")),
        twin=lambda: (_transformer("mean"), _transformer("relu")),
        twin_shows="There is an activation behind the mean, and the same tokens are pooled.",
    ),
)
