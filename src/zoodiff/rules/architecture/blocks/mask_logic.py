"""Masks that a network computes from its inputs, and where they reach a softmax."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.graph.layers import Layer, LayerGraph

_LOGIC = frozenset({"And", "Not", "Or", "Where", "Xor"})
_COMPARING = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
_CARRYING = frozenset({"Cast", "Expand", "Reshape", "Slice", "Transpose", "Unsqueeze"})
_STEPS = 12
"""Layers between the logic of a mask and the softmax."""
_LOW = -1e4
"""A number that gives a score no weight."""


def is_logic(layer: Layer) -> bool:
    """Whether a layer computes with truth values or chooses by them."""
    return layer.op in _LOGIC


def is_sum_with_mask(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer adds a computed mask to scores that a softmax reads."""
    if layer.op != "Add" or len(layer.inputs) != 2:
        return False
    hides = any(i >= 0 and _hides(graph, graph.layers[i]) for i in layer.inputs)
    return hides and reaches_softmax(graph, layer)


def _hides(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer gives very low numbers where truth values say so."""
    for _ in range(_STEPS):
        if layer.op == "Where":
            return any(
                isinstance(value, list) and value and min(map(float, value)) <= _LOW
                for name, value in layer.node.attributes.items()
                if name in {"input1", "input2"}
            )
        before = layer.inputs[:1]
        if layer.op not in _CARRYING or not before or before[0] < 0:
            return False
        layer = graph.layers[before[0]]
    return False


def reaches_softmax(graph: LayerGraph, layer: Layer) -> bool:
    """Whether everything that reads a layer is part of a mask, up to a softmax."""
    waiting, steps = [layer], 0
    while waiting and steps < 4 * _STEPS:
        steps += 1
        for user in (graph.layers[index] for index, _ in waiting.pop().users):
            if user.op == "Softmax":
                return True
            if is_logic(user) or user.op in {"Add", "Mask", *_CARRYING, *_COMPARING}:
                waiting.append(user)
    return False


def only_masks(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers do nothing but leave out scores of attention, or decide which."""
    if {layer.op for layer in layers} == {"Mask"}:
        return True
    made_of = [
        is_logic(x) or x.op in {"Mask", *_CARRYING, *_COMPARING} or is_sum_with_mask(graph, x)
        for x in layers
    ]
    decides = any(is_logic(x) or is_sum_with_mask(graph, x) for x in layers)
    return decides and all(made_of) and any(reaches_softmax(graph, x) for x in layers)
