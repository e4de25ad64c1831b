r"""Group norms written as instance norms of reshaped maps.

A group norm of :math:`G` groups takes mean and variance over :math:`C / G` channels and all places.
In the shape :math:`(N, G, C H W / G)` that is an instance norm, which exporters write where the
target has no group norm (ONNX until opset 20): a reshape, an instance norm without learned terms, a
reshape back, and scale and shift per channel behind it. With :math:`G = C` it is an instance norm.

Only a reshape of maps with channels first makes groups of channels; any other stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped

NOTE = "groups"
_LEARNED = {"Mul": "scale", "Add": "shift"}


def run(graph: MutableGraph) -> None:
    """Write every norm over groups of channels as one node."""
    for norm in graph.of("InstanceNormalization"):
        _unite(graph, norm)
    for norm in graph.of("GroupNormalization", "InstanceNormalization"):
        _name(graph, norm)


def _unite(graph: MutableGraph, norm: MutableNode) -> None:
    """Take the reshapes around a norm, and the learned terms behind them, into the norm."""
    before, after = graph.before(norm), graph.sole_user(norm.output)
    if norm.parameters or before is None or after is None or len(norm.inputs) != 1:
        return
    if before.op != "Reshape" or after.op != "Reshape" or before.parameters or after.parameters:
        return
    maps, groups = graph.shape(before.inputs[0]), graph.shape(norm.inputs[0])
    if graph.shape(after.output) != maps or not _of_channels(maps, groups):
        return
    graph.read(norm, before.inputs)
    graph.redirect(after.output, graph.rename(norm, norm.output, maps))
    graph.remove(after)
    attributes = {**norm.attributes, "num_groups": groups[1], "scale": False, "center": False}
    graph.become(norm, "GroupNormalization", attributes, NOTE)
    for op in ("Mul", "Add"):
        _learned(graph, norm, op)


def _of_channels(maps: tuple[int, ...], groups: tuple[int, ...]) -> bool:
    """Whether a reshape of maps makes groups of channels: (N, C, ...) to (N, G, ...)."""
    if len(maps) < 2 or len(groups) < 3 or -1 in (*maps, *groups):
        return False
    whole = prod(maps) == prod(groups) and maps[0] == groups[0]
    return whole and groups[1] > 0 and maps[1] % groups[1] == 0


def _learned(graph: MutableGraph, norm: MutableNode, op: str) -> None:
    """Take a scale or a shift per channel right behind a norm into the norm."""
    user = graph.sole_user(norm.output)
    if (
        user is None
        or user.op != op
        or user.attributes.get("axis") != 1
        or "value" in user.attributes
    ):
        return
    channels = graph.shape(norm.output)[1]
    if len(user.inputs) != 1 or [p.size for p in user.parameters] != [channels]:
        return
    role = _LEARNED[op]
    norm.parameters.append(replace(reshaped(user.parameters[0], (channels,)), role=role))
    norm.attributes["scale" if op == "Mul" else "center"] = True
    graph.bypass(user)


def _name(graph: MutableGraph, norm: MutableNode) -> None:
    """Say which terms a norm has, and call one of as many groups as channels an instance norm."""
    if len(norm.inputs) == 1 and all(p.role for p in norm.parameters):
        roles = {p.role for p in norm.parameters}
        norm.attributes |= {"scale": "scale" in roles, "center": "shift" in roles}
    maps = graph.shape(norm.inputs[0])
    if norm.op == "GroupNormalization" and maps[1:2] == (norm.attributes["num_groups"],):
        attributes = {k: v for k, v in norm.attributes.items() if k != "num_groups"}
        graph.become(norm, "InstanceNormalization", attributes, NOTE)
