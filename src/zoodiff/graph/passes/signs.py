"""Decides which tensors cannot be negative, from the operators that compute them."""

from __future__ import annotations

from zoodiff.graph.mutable import MutableGraph, MutableNode

_DEPTH = 64
_ALWAYS = frozenset({"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus", "Sqrt"})
_IF_INPUTS = frozenset(
    {
        "Add",
        "AveragePool",
        "Concat",
        "Flatten",
        "Gather",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "MaxPool",
        "Mul",
        "Pad",
        "ReduceMax",
        "ReduceMean",
        "ReduceSum",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators whose result is not negative if none of their inputs is."""


def never_negative(graph: MutableGraph, tensor: str) -> bool:
    """Whether a tensor is known to hold no negative number.

    Max pooling ignores its padding, and an average of numbers that are not negative is not
    negative, so both keep the property.
    """
    visited: set[str] = set()
    waiting = [tensor]
    while waiting:
        name = waiting.pop()
        if name in visited:
            continue
        visited.add(name)
        node = graph.producer.get(name)
        if node is None or len(visited) > _DEPTH:
            return False
        if _positive(graph, node):
            continue
        if node.op not in _IF_INPUTS or node.parameters or not _values_fit(node):
            return False
        waiting += node.inputs
    return True


def _positive(graph: MutableGraph, node: MutableNode) -> bool:
    if node.op == "Clip":
        low = node.attributes.get("min")
        return low is not None and low >= 0
    if node.op == "Mul" and len(node.inputs) == 2 and len(set(node.inputs)) == 1:
        return True  # a square
    if node.op == "Add" and len(node.inputs) == 1 and not node.parameters:
        least = node.attributes.get("value")
        before = graph.producer.get(node.inputs[0])
        bounded = before is not None and before.op in {"Erf", "Tanh"}
        return bounded and isinstance(least, int | float) and least >= 1.0
    return node.op in _ALWAYS


def _values_fit(node: MutableNode) -> bool:
    value = node.attributes.get("value")
    if value is None:
        return True
    return all(v >= 0 for v in (value if isinstance(value, list) else [value]))
