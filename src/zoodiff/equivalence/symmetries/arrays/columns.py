"""What the columns of a layer are: a flattened map, patches, pixels, merged neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from zoodiff.equivalence.symmetries.arrays.permutations import (
    described,
    is_reversal,
    largest_block,
)
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Permutation = NDArray[np.int64]

_STEPS = 64
_MOVES = frozenset({"Flatten", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})


@dataclass(frozen=True)
class Source:
    """What the columns of a layer are."""

    kind: Literal["pixels", "map", "patches", "merged", "channels"]
    extents: tuple[int, ...] = ()
    """Of a map: channels, height, width. Of merged parts: their number and size."""


def source_of(graph: LayerGraph, layer: Layer) -> Source:
    """The kind of tensor that a layer's columns read."""
    whole = graph.graph
    producers = {t: node for node in whole.nodes for t in node.outputs}
    name, moved = layer.node.inputs[0], False
    for _ in range(_STEPS):
        node = producers.get(name)
        if node is None:
            return Source("patches" if moved else "pixels")
        if node.op == "Concat" and not moved:
            return _merged(whole, node, producers)
        if node.op in {"Reshape", "Flatten"}:
            before = whole.tensors.get(node.inputs[0])
            after = whole.tensors.get(node.outputs[0])
            shape = tuple(n for n in before.shape[1:]) if before is not None else ()
            flat = after is not None and sum(n != 1 for n in after.shape) == 1
            if flat and len(shape) == 3 and shape[0] > 1 and shape[1] * shape[2] > 1 and not moved:
                return Source("map", shape)
            if (
                after is not None
                and before is not None
                and _wide(before.shape) != _wide(after.shape)
            ):
                moved = True
        elif node.op in _MOVES:
            moved = True
        elif len(node.inputs) != 1 or any(p.role == "weight" for p in node.parameters):
            return Source("channels")
        name = node.inputs[0]
    return Source("channels")


def _wide(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _merged(graph: Graph, node: Node, producers: dict[str, Node]) -> Source:
    """Whether what is joined are parts of one tensor, as in a patch merging."""
    roots = set()
    for part in node.inputs:
        name, cut = part, False
        for _ in range(_STEPS):
            before = producers.get(name)
            if before is None or before.op not in _MOVES:
                break
            cut = cut or before.op == "Slice"
            name = before.inputs[0]
        if not cut:
            return Source("channels")
        roots.add(name)
    tensor = graph.tensors.get(node.outputs[0])
    axis = node.attributes.get("axis")
    if len(roots) > 1 or tensor is None or not isinstance(axis, int) or len(node.inputs) < 2:
        return Source("channels")
    return Source("merged", (len(node.inputs), tensor.shape[axis] // len(node.inputs)))


def named_columns(order: Permutation, source: Source) -> tuple[str, str]:
    """The kind and the words for columns in another order; {} stands for the layer."""
    if source.kind == "map":
        return _flattened(order, source.extents)
    if source.kind == "pixels":
        if is_reversal(order):
            more = " (RGB | BGR)" if order.size == 3 else ""
            return "input channels reversed", f"input channels of {{}} reversed{more}"
        return "input channels permuted", f"input channels of {{}} permuted ({described(order)})"
    if source.kind == "patches":
        return (
            "patch order",
            f"columns of {{}} permuted: the order inside patches ({described(order)})",
        )
    if source.kind == "merged" and largest_block(order) % source.extents[1] == 0:
        blocks = order[:: source.extents[1]] // source.extents[1]
        words = ", ".join(str(int(k)) for k in blocks)
        return (
            "patch merging order",
            f"columns of {{}} permuted: the order in which {source.extents[0]} neighbours are "
            f"merged (place of each in a: {words})",
        )
    return "input channels permuted", f"columns of {{}} permuted ({described(order)})"


def _flattened(order: Permutation, extents: tuple[int, ...]) -> tuple[str, str]:
    channels, height, width = extents
    size = "x".join(map(str, extents))
    grid = np.arange(order.size).reshape(channels, height, width)
    orders = {
        "channels first | channels last": grid.transpose(1, 2, 0),
        "channels last | channels first": np.argsort(grid.transpose(1, 2, 0), axis=None),
        "height before width | width before height": grid.transpose(0, 2, 1),
        "channels first | channels last, width before height": grid.transpose(2, 1, 0),
    }
    for words, expected in orders.items():
        if np.array_equal(order, expected.reshape(-1)):
            return (
                "flattening order",
                f"columns of {{}} permuted: the order of flattening ({words}; a map of {size})",
            )
    places = order.reshape(channels, -1)
    if bool((places // (height * width) == places[:, :1] // (height * width)).all()):
        return (
            "input channels permuted",
            f"columns of {{}} permuted: the channels of a flattened map of {size}",
        )
    return (
        "input channels permuted",
        f"columns of {{}} permuted ({described(order)}), behind a flattened map of {size}",
    )
