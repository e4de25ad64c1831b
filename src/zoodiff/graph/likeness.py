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


def forward(graph: LayerGraph, labels: Sequence[Hashable]) -> list[int]:
    """Return a hash per layer of its label and of all its ancestors."""
    hashes: list[int] = []
    for layer in graph.layers:
        read = [_source(hashes, i) for i in layer.inputs]
        if layer.commutative or layer.op == "Concat":
            read.sort()
        hashes.append(hash((labels[layer.index], tuple(read))))
    return hashes


def backward(graph: LayerGraph, labels: Sequence[Hashable]) -> list[int]:
    """Return a hash per layer of its label and of all its descendants."""
    hashes = [0] * len(graph.layers)
    ends: dict[int, int] = {index: k for k, index in enumerate(graph.outputs)}
    for layer in reversed(graph.layers):
        used = sorted(_read_at(graph, hashes, *user) for user in layer.users)
        hashes[layer.index] = hash((labels[layer.index], tuple(used), ends.get(layer.index)))
    return hashes


def _source(hashes: Sequence[int], index: int) -> int:
    """Return the hash of what a layer reads; a number below -1 for an input of the network.

    Inputs have the indices -1, -2, ..., but Python's hashes of -1 and -2 are equal.
    """
    return hashes[index] if index >= 0 else index - 1


def _read_at(graph: LayerGraph, hashes: Sequence[int], user: int, position: int) -> tuple[int, int]:
    """Return a reader's hash, with its position where the order of its inputs matters."""
    reader = graph.layers[user]
    return hashes[user], 0 if reader.commutative or reader.op == "Concat" else position


def around(graph: LayerGraph, labels: Sequence[Hashable]) -> list[list[int]]:
    """Return hashes per layer of everything within some distances, the largest distance first."""
    current = [hash(label) for label in labels]
    rings = []
    for distance in range(1, max(DISTANCES) + 1):
        wider = []
        for layer in graph.layers:
            read = [_source(current, i) for i in layer.inputs]
            if layer.commutative or layer.op == "Concat":
                read.sort()
            used = sorted(_read_at(graph, current, *user) for user in layer.users)
            wider.append(hash((current[layer.index], tuple(read), tuple(used))))
        current = wider
        if distance in DISTANCES:
            rings.append(current)
    return rings[::-1]
