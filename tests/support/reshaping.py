"""Shapes of a changed graph, worked out anew by the operators' definitions.

Independent of the frontends, which take shapes from their frameworks. Refuses what it does not
know, so that a planted change is only used where the changed network is a sound one.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.graph.mutable import MutableGraph, MutableNode

Shape = tuple[int, ...]


class Unsound(Exception):
    """The change does not give a network."""


def reshape(net: MutableGraph) -> None:
    """Set the shapes of all tensors; raise Unsound where operands do not fit."""
    for node in net.in_order():
        given = [net.shape(t) for t in node.inputs]
        before = [net.shape(t) for t in node.outputs]
        for tensor, shape in zip(node.outputs, _shapes(node, given, before), strict=True):
            net.tensors[tensor] = replace(net.tensors[tensor], shape=shape)


def _shapes(node: MutableNode, given: list[Shape], before: list[Shape]) -> list[Shape]:
    a = node.attributes
    if node.op in {"Conv", "AveragePool", "MaxPool"}:
        return [_window(node, given[0])]
    if node.op in {"GlobalAveragePool", "GlobalMaxPool"}:
        return [(*given[0][:2], 1, 1)]
    if node.op == "Gemm":
        axis = a.get("axis", len(given[0]) - 1)
        if given[0][axis] != a["in_features"]:
            raise Unsound(node.name)
        return [(*given[0][:axis], a["out_features"], *given[0][axis + 1 :])]
    if node.op == "Flatten":
        return [(1, prod(given[0]))]
    if node.op == "Pad":
        shape = list(given[0])
        half = len(a["axes"])
        for i, axis in enumerate(a["axes"]):
            shape[axis] += a["pads"][i] + a["pads"][i + half]
        return [tuple(shape)]
    if node.op == "Concat":
        axis = a["axis"]
        rest = {(*s[:axis], *s[axis + 1 :]) for s in given}
        if len(rest) != 1:
            raise Unsound(node.name)
        shape = list(given[0])
        shape[axis] = sum(s[axis] for s in given)
        return [tuple(shape)]
    if node.op in {"Add", "Mul", "Sub", "Div"} and len(given) == 2:
        return [_broadcast(node, *given)]
    moves = node.op in {"Reshape", "Transpose", "Squeeze", "Unsqueeze"}
    if moves and len(given) == len(before) == 1 and prod(given[0]) == prod(before[0]):
        return before
    if node.op in {"Reshape", "Split", "Slice", "Transpose", "Gather", "ReduceMean", "Unsqueeze"}:
        raise Unsound(node.name)
    for parameter in node.parameters:
        if node.op == "Mul" and parameter.size not in (1, given[0][a.get("axis", 1)]):
            raise Unsound(node.name)
    return [given[0]]


def _window(node: MutableNode, data: Shape) -> Shape:
    a = node.attributes
    kernel, strides, pads = a["kernel_shape"], a["strides"], a["pads"]
    dilations = a.get("dilations") or [1, 1]
    sizes = []
    for i in range(2):
        room = data[2 + i] + pads[i] + pads[i + 2] - dilations[i] * (kernel[i] - 1) - 1
        if room < 0:
            raise Unsound(node.name)
        steps = -(-room // strides[i]) if a.get("ceil_mode") else room // strides[i]
        if a.get("ceil_mode") and steps * strides[i] >= data[2 + i] + pads[i]:
            steps -= 1  # the last window would begin in the padding
        sizes.append(steps + 1)
    channels = a["out_channels"] if node.op == "Conv" else data[1]
    if node.op == "Conv" and (data[1] % a["group"] or channels % a["group"]):
        raise Unsound(node.name)
    return (data[0], channels, *sizes)


def _broadcast(node: MutableNode, one: Shape, other: Shape) -> Shape:
    if len(one) != len(other):
        raise Unsound(node.name)
    shape = []
    for x, y in zip(one, other, strict=True):
        if x != y and 1 not in (x, y):
            raise Unsound(node.name)
        shape.append(max(x, y))
    return tuple(shape)
