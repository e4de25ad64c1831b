r"""One form for the input stage: one scale and one offset per channel.

A chain of additions and multiplications by constants right after the input, on all channels or on
slices of single channels that are concatenated again, is :math:`y_c = s_c x_{\pi(c)} + t_c`. It
becomes one ``Mul`` and one ``Add`` along the channels, after a slice per channel only where
:math:`\pi` is not the identity. So the input stage can be read off the graph, and networks that
write it differently can be compared.
"""

from __future__ import annotations

from typing import Any

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "preprocessing"


def run(graph: MutableGraph) -> None:
    """Fold the input stage of every image input."""
    for tensor in graph.inputs:
        shape = graph.shape(tensor)
        if len(shape) == 4 and 1 <= shape[1] <= 4:
            _channels(graph, tensor)
            _fold(graph, tensor, shape[1])


Affine = tuple[list[float], list[float]]


def _affine(node: MutableNode, channels: int) -> Affine | None:
    """Return scale and offset per channel of an affine step, or None."""
    if node.op not in {"Add", "Mul"} or len(node.inputs) != 1 or node.parameters:
        return None
    value = node.attributes.get("value")
    if isinstance(value, list):
        if node.attributes.get("axis") != 1 or len(value) not in (1, channels):
            return None
        values = [float(v) for v in value] * (channels // len(value))
    elif isinstance(value, int | float):
        values = [float(value)] * channels
    else:
        return None
    ones, zeros = [1.0] * channels, [0.0] * channels
    return (values, zeros) if node.op == "Mul" else (ones, values)


def _chain(graph: MutableGraph, tensor: str, channels: int) -> tuple[list[MutableNode], Affine]:
    """Return the chain of affine steps after a tensor, and their combined scale and offset."""
    steps: list[MutableNode] = []
    scale, offset = [1.0] * channels, [0.0] * channels
    while (node := graph.sole_user(tensor)) is not None:
        step = _affine(node, channels)
        if step is None:
            break
        scale = [a * b for a, b in zip(scale, step[0], strict=True)]
        offset = [a * b + c for a, b, c in zip(offset, step[0], step[1], strict=True)]
        steps.append(node)
        tensor = node.output
    return steps, (scale, offset)


def _fold(graph: MutableGraph, tensor: str, channels: int) -> None:
    steps, (scale, offset) = _chain(graph, tensor, channels)
    if not steps:
        return
    last = steps[-1]
    shape, order, name = graph.shape(tensor), steps[0].order, steps[0].name
    reader = tensor
    noted = {NOTE} if len(steps) > 1 or last.op == "Add" else set()
    notes = {note for step in steps for note in step.notes} | noted
    for op, values, neutral in (("Mul", scale, 1.0), ("Add", offset, 0.0)):
        if any(abs(v - neutral) > 1e-7 for v in values):
            uniform = max(values) - min(values) <= 1e-6 * max(map(abs, values))
            attributes: dict[str, Any] = (
                {"value": values[0]} if uniform else {"value": values, "axis": 1}
            )
            step_node = graph.add(
                op,
                name if op == "Mul" else last.name,
                [reader],
                shape,
                attributes,
                order=order,
            ).noted(*notes)
            reader = step_node.output
    graph.redirect(last.output, reader)
    for step in reversed(steps):
        graph.remove(step)


def _channels(graph: MutableGraph, tensor: str) -> None:
    """Fold slices of single channels, each with its own chain, that are concatenated again."""
    channels = graph.shape(tensor)[1]
    readers = list(dict.fromkeys(graph.users.get(tensor, [])))
    if len(readers) != channels or channels < 2:
        return
    ends: dict[str, tuple[int, list[MutableNode], Affine]] = {}
    for reader in readers:
        a = reader.attributes
        if reader.op != "Slice" or a.get("axes") != [1] or a.get("steps", [1]) != [1]:
            return
        if a["ends"][0] - a["starts"][0] != 1:
            return
        steps, affine = _chain(graph, reader.output, 1)
        end = steps[-1].output if steps else reader.output
        ends[end] = (a["starts"][0], [reader, *steps], affine)
    join = graph.sole_user(next(iter(ends)))
    if join is None or join.op != "Concat" or join.attributes.get("axis") != 1 or join.parameters:
        return
    if sorted(join.inputs) != sorted(ends):
        return
    order = [ends[t][0] for t in join.inputs]
    if order != list(range(channels)):
        return  # a change of the order of channels stays as it is written
    scale = [ends[t][2][0][0] for t in join.inputs]
    offset = [ends[t][2][1][0] for t in join.inputs]
    parts = [node for _, nodes, _ in ends.values() for node in nodes]
    shape = graph.shape(tensor)
    scaling = graph.add(
        "Mul", parts[0].name, [tensor], shape, {"value": scale, "axis": 1}, order=join.order - 0.5
    )
    graph.read(join, [scaling.output])
    graph.become(join, "Add", {"value": offset, "axis": 1}, NOTE)
    for node in reversed(parts):
        graph.remove(node)
