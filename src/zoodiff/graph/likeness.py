"""The likeness of two layers: by what they compute, their surroundings and their family."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from zoodiff.graph.layers import Layer, LayerGraph

_FAMILIES: dict[str, str] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm"), "linear"),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"), "pool"),
    **dict.fromkeys(
        (
            "BatchNormalization",
            "GroupNormalization",
            "InstanceNormalization",
            "LRN",
            "LayerNormalization",
            "RMSNormalization",
        ),
        "norm",
    ),
    **dict.fromkeys(
        (
            "Clip",
            "Elu",
            "Gelu",
            "HardSigmoid",
            "HardSwish",
            "LeakyRelu",
            "Mish",
            "PRelu",
            "Relu",
            "Selu",
            "Sigmoid",
            "Softplus",
            "Swish",
            "Tanh",
        ),
        "activation",
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax"), "output"),
}


DISTANCES = (3, 6, 12)


def family(layer: Layer) -> str:
    """Return the kind of a layer; layers of one family can replace each other."""
    return _FAMILIES.get(layer.op, layer.op)


LEAST = 2.0
"""The smallest score, of likeness and context, with which two layers are paired."""


def users(layer: Layer) -> list[int]:
    """Return the indices of the layers that read a layer."""
    return [user for user, _ in layer.users]


def likeness(a: Layer, b: Layer) -> float:
    """Return the likeness of two layers, without their context; 0 for different families."""
    if a.op != b.op and not (a.affine and b.affine):
        return 1.0 if family(a) == family(b) else 0.0
    score = 2.0
    if a.label == b.label:
        return score + 3.0
    if a.core == b.core:
        return score + 1.5
    if a.op == "Conv":
        score += 0.5 * (a.node.attributes["kernel_shape"] == b.node.attributes["kernel_shape"])
        score += 0.5 * (a.node.attributes["out_channels"] == b.node.attributes["out_channels"])
    return score


def classes(a: LayerGraph, b: LayerGraph) -> tuple[list[int], list[int]]:
    """Number the different labels, so that likeness is computed once per pair of labels."""
    numbers: dict[Hashable, int] = {}
    first, second = (
        [numbers.setdefault((layer.op, layer.label), len(numbers)) for layer in graph.layers]
        for graph in (a, b)
    )
    return first, second


class Edges:
    """The edges of a graph as hashes see them: with positions only where these matter."""

    def __init__(self, graph: LayerGraph) -> None:
        unordered = [layer.commutative or layer.op == "Concat" for layer in graph.layers]
        self.inputs = [(layer.inputs, unordered[layer.index]) for layer in graph.layers]
        """What each layer reads, and whether its order does not matter."""
        self.readers = [
            [(user, 0 if unordered[user] else position) for user, position in layer.users]
            for layer in graph.layers
        ]
        """(layer, position among its inputs) for each reader of a layer."""
        self.outputs: dict[int, int] = {index: k for k, index in enumerate(graph.outputs)}
        """Layer -> position among the outputs of the network."""


def forward(edges: Edges, labels: Sequence[Hashable]) -> list[int]:
    """Return a hash per layer of its label and of all its ancestors."""
    hashes: list[int] = []
    for label, (inputs, unordered) in zip(labels, edges.inputs, strict=True):
        hashes.append(hash((label, _read(hashes, inputs, unordered))))
    return hashes


def backward(edges: Edges, labels: Sequence[Hashable]) -> list[int]:
    """Return a hash per layer of its label and of all its descendants."""
    hashes = [0] * len(labels)
    for index in range(len(labels) - 1, -1, -1):
        used = _used(hashes, edges.readers[index])
        hashes[index] = hash((labels[index], used, edges.outputs.get(index)))
    return hashes


def _read(hashes: Sequence[int], inputs: Sequence[int], unordered: bool) -> tuple[int, ...]:
    """Return the hashes of what a layer reads; a number below -1 for an input of the network.

    Inputs have the indices -1, -2, ..., but Python's hashes of -1 and -2 are equal.
    """
    read = [hashes[i] if i >= 0 else i - 1 for i in inputs]
    if unordered:
        read.sort()
    return tuple(read)


def _used(hashes: Sequence[int], readers: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the hashes of a layer's readers, each with its position."""
    used = [(hashes[user], position) for user, position in readers]
    if len(used) > 1:
        used.sort()
    return tuple(used)


def around(edges: Edges, labels: Sequence[Hashable]) -> list[list[int]]:
    """Return hashes per layer of everything within some distances, the largest distance first."""
    current = [hash(label) for label in labels]
    rings = []
    for distance in range(1, max(DISTANCES) + 1):
        current = [
            hash((own, _read(current, *read), _used(current, readers)))
            for own, read, readers in zip(current, edges.inputs, edges.readers, strict=True)
        ]
        if distance in DISTANCES:
            rings.append(current)
    return rings[::-1]
