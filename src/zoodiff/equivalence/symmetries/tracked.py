"""A network with labels on its tensors, and the labels that its layers with weights write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.arrays.matrices import channel_axis
from zoodiff.equivalence.symmetries.labels import Group, Marked, places, summed, tagged
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer, LayerGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Tracked:
    """A network with labels on its tensors."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.marks: dict[str, Marked] = {
            t.name: Marked(t.shape, places(t.shape, number))
            for number, t in enumerate(graph.graph.inputs)
        }
        self._heads = {id(layer.node): layer for layer in graph.layers}
        self._chained = {id(node) for layer in graph.layers for node in layer.chain}

    def nodes(self) -> Iterable[tuple[Node, Layer | None]]:
        """Nodes in order, each with the layer that it begins."""
        for node in self.graph.graph.nodes:
            if id(node) in self._chained and id(node) not in self._heads:
                self.marks[node.outputs[0]] = self.marks[node.inputs[0]]
            else:
                yield node, self._heads.get(id(node))

    def inputs(self, node: Node) -> list[Marked]:
        """The labels of a node's computed inputs."""
        return [self.marks[t] for t in node.inputs if t in self.marks]

    def shapes(self, node: Node) -> list[tuple[int, ...]]:
        """The shapes of a node's outputs."""
        tensors = self.graph.graph.tensors
        return [tensors[t].shape if t in tensors else () for t in node.outputs]

    def put(self, node: Node, outputs: Sequence[Marked]) -> None:
        """Set the labels of a node's outputs; further outputs may stay without."""
        self.marks.update(zip(node.outputs, outputs, strict=False))

    def channels(self, layer: Layer) -> Group | None:
        """The labels of the channels that a layer reads; None where they are not known."""
        read = self.inputs(layer.node)
        if not read:
            return None
        axis = channel_axis(layer, len(read[0].shape))
        if axis is None or axis >= len(read[0].shape):
            return None
        if read[0].shape[axis] == 1:
            return Group((axis,), np.zeros(1, dtype=np.uint64))
        return read[0].along(axis)


def written(
    layer: Layer,
    read: Marked,
    shape: tuple[int, ...],
    labels: NDArray[np.uint64],
    factors: NDArray[np.float64] | None,
    events: frozenset[int],
) -> Marked | None:
    """Labels of a linear layer's output: its channels', other axes by place or as they were."""
    axis = channel_axis(layer, len(read.shape))
    if axis is None or len(shape) != len(read.shape) or shape[axis] != labels.size:
        return None
    groups: list[Group] = []
    if layer.op == "Gemm":
        for g in read.groups:
            if axis not in g.axes:
                groups.append(Group(g.axes, g.labels))
            elif len(g.axes) > 1:
                outer = tuple(k for k in g.axes if k != axis)
                groups.append(Group(outer, summed(g.labels, [g.axes.index(axis)])))
    else:
        groups = [g for g in places(shape, 0) if g.axes != (axis,)]
    if labels.size > 1:
        groups.append(Group((axis,), labels, factors))
    return Marked(shape, tuple(sorted(groups, key=lambda g: g.axes)), events)


def kept(layer: Layer, read: Marked) -> Marked:
    """The labels of what a layer with numbers per channel makes: channels of one group belong."""
    number = layer.node.attributes.get("num_groups")
    g = read.along(1)
    if layer.op != "GroupNormalization" or not isinstance(number, int) or g is None:
        return read
    rows = g.labels.reshape(number, -1)
    with np.errstate(over="ignore"):
        labels = tagged((rows + summed(rows, [1])[:, None]).reshape(-1), number)
    groups = tuple(replace(h, labels=labels) if h is g else h for h in read.groups)
    return replace(read, groups=groups)
