"""Known variants of network families, recognised by structure alone.

Each recogniser looks at one network and says what it sees, or nothing; never at a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family


def variants(graph: LayerGraph) -> list[str]:
    """What a network is known to be a variant of, in words; empty for most."""
    recognised = (recognise(graph) for recognise in _RECOGNISERS)
    return [words for words in recognised if words]


def _residual(graph: LayerGraph) -> str | None:
    """ResNet v1, v1.5, v1d, v2 (K. He et al., 2016; T. He et al., 2019)."""
    blocks = [block for layer in graph.layers if (block := _bottleneck(graph, layer))]
    if len(blocks) < 4 or any(_group(x) > 1 for block in blocks for x in block):
        return None  # grouped ones are another family
    if sum(_preactivated(graph, block[0]) for block in blocks) > len(blocks) / 2:
        return "ResNet v2 (norm and activation before the convolution)"
    reducing = [block for block in blocks if any(_stride(x) > 1 for x in block)]
    places = {i for block in reducing for i, x in enumerate(block) if _stride(x) > 1}
    if places == {1} and all(_closes_stage(graph, block) for block in reducing):
        return "ResNet v1 with stride 2 in the last block of a stage"
    if places and _pooled_shortcut(graph) and _deep_stem(graph):
        return "ResNet v1d (three 3x3 in the stem, average pool in the shortcut)"
    if places == {0}:
        return "ResNet v1 (stride 2 on the first 1x1)"
    return "ResNet v1.5 (stride 2 on the 3x3)" if places == {1} else None


def _bottleneck(graph: LayerGraph, join: Layer) -> list[Layer] | None:
    """The 1x1, 3x3 and 1x1 convolutions that end in an addition."""
    if join.op != "Add" or len(join.inputs) != 2:
        return None
    for start in join.inputs:
        chain: list[Layer] = []
        index = start
        while index >= 0 and len(chain) < 3:
            layer = graph.layers[index]
            if layer.op == "Conv":
                chain.append(layer)
            elif family(layer) not in {"activation", "norm"} or len(layer.inputs) != 1:
                break
            if not layer.inputs:
                break
            index = layer.inputs[0]
        kernels = [tuple(_attributes(x)["kernel_shape"]) for x in chain]
        if kernels == [(1, 1), (3, 3), (1, 1)]:
            return chain[::-1]
    return None


def _attributes(layer: Layer) -> Any:
    return layer.node.attributes


def _stride(layer: Layer) -> int:
    return int(max(_attributes(layer)["strides"]))


def _group(layer: Layer) -> int:
    return int(_attributes(layer)["group"])


def _preactivated(graph: LayerGraph, layer: Layer) -> bool:
    source = layer.inputs[0]
    while source >= 0 and family(graph.layers[source]) == "activation":
        source = graph.layers[source].inputs[0]
    return source >= 0 and graph.layers[source].affine


def _pooled_shortcut(graph: LayerGraph) -> bool:
    for layer in graph.layers:
        if layer.op == "AveragePool" and len(layer.users) == 1:
            after = graph.layers[layer.users[0][0]]
            joins = [graph.layers[user].op for user, _ in after.users]
            if after.op == "Conv" and joins == ["Add"]:
                return True
    return False


def _deep_stem(graph: LayerGraph) -> bool:
    first = [layer for layer in graph.layers if layer.op == "Conv"][:3]
    return all(tuple(_attributes(x)["kernel_shape"]) == (3, 3) for x in first)


def _closes_stage(graph: LayerGraph, block: list[Layer]) -> bool:
    """Whether the shortcut around a reducing block has no weights."""
    join = block[-1].users[0][0] if block[-1].users else -1
    if join < 0:
        return False
    others = [i for i in graph.layers[join].inputs if i != block[-1].index]
    return all(i >= 0 and graph.layers[i].op != "Conv" for i in others)


def _inception(graph: LayerGraph) -> str | None:
    """GoogLeNet with or without batch norm (C. Szegedy et al., 2014; S. Ioffe, 2015)."""
    joins = [x for x in graph.layers if x.op == "Concat" and len(x.inputs) >= 4]
    if len(joins) < 5 or not all(_branches_differ(graph, join) for join in joins):
        return None
    convolutions = [x for x in graph.layers if x.op == "Conv"]
    normed = sum(any(item[0] == "norm" for item in x.items) for x in convolutions)
    if normed == 0:
        return "Inception without batch norm (or folded)"
    return "Inception with batch norm" if normed > len(convolutions) / 2 else None


def _branches_differ(graph: LayerGraph, join: Layer) -> bool:
    """Whether one of the branches is a pool, perhaps with a convolution behind it.

    Nobody else reads a branch; in DenseNets every later block does.
    """
    if any(i >= 0 and len(graph.layers[i].users) > 1 for i in join.inputs):
        return False
    return any(_pooled(graph, index) for index in join.inputs)


def _pooled(graph: LayerGraph, index: int) -> bool:
    for _ in range(12):
        if index < 0:
            return False
        layer = graph.layers[index]
        if family(layer) == "pool":
            return True
        if len(layer.inputs) != 1:
            return False
        index = layer.inputs[0]
    return False


def _alexnet(graph: LayerGraph) -> str | None:
    """AlexNet of 2012 (A. Krizhevsky et al.) or of 2014 (A. Krizhevsky, "One weird trick")."""
    convolutions = [x for x in graph.layers if x.op == "Conv"]
    linear = [x for x in graph.layers if x.op == "Gemm"]
    if len(convolutions) != 5 or len(linear) != 3:
        return None
    if tuple(_attributes(convolutions[0])["kernel_shape"]) != (11, 11):
        return None
    norms = any(x.op == "LRN" for x in graph.layers)
    if any(_group(x) == 2 for x in convolutions):
        return "AlexNet of 2012 (two groups" + (", local response norm)" if norms else ")")
    return "AlexNet of 2014 (one group, no local response norm)" if not norms else None


_RECOGNISERS: tuple[Callable[[LayerGraph], str | None], ...] = (_residual, _inception, _alexnet)
