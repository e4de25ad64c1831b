r"""Remove nodes without effect at inference.

Each of these computes :math:`y = x`: padding by no elements, a slice of all elements, an identity
transposition, an expansion to the same shape, a concatenation or sum of one tensor, a pool over
single elements with stride 1, a multiplication by 1, an addition of 0, a cast between
floating-point types, a rectifier of a tensor that cannot be negative (:math:`\max(x, 0) = x` for
:math:`x \ge 0`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.signs import never_negative

HALVES = frozenset({"bfloat16", "float16"})


def _shape_kept(graph: MutableGraph, node: MutableNode) -> bool:
    shape = graph.shape(node.inputs[0])
    return bool(shape) and -1 not in shape and shape == graph.shape(node.output)


def _slice(graph: MutableGraph, node: MutableNode) -> bool:
    steps = node.attributes.get("steps") or []
    return _shape_kept(graph, node) and all(step == 1 for step in steps)


def _pool(graph: MutableGraph, node: MutableNode) -> bool:
    a = node.attributes
    return set(a["kernel_shape"]) | set(a["strides"]) == {1} and not any(a["pads"])


def _one_element(graph: MutableGraph, node: MutableNode) -> bool:
    shape = graph.shape(node.inputs[0])
    return len(shape) == 4 and shape[2:] == (1, 1)


def _value(neutral: float) -> Any:
    def check(graph: MutableGraph, node: MutableNode) -> bool:
        value = node.attributes.get("value")
        values = value if isinstance(value, list) else [value]
        return not node.parameters and all(v == neutral for v in values) and len(node.inputs) == 1

    return check


def _cast(graph: MutableGraph, node: MutableNode) -> bool:
    source, real = graph.tensors.get(node.inputs[0]), ("float", "bfloat")
    to = str(node.attributes["to"])
    plain = source is not None and source.dtype.startswith(real) and to.startswith(real)
    if plain and to in HALVES and node.output in graph.outputs:
        return source is not None and source.dtype == to  # the result is rounded
    if plain and to in HALVES:
        _mark_half_precision(graph, node.inputs[0], to)
    return plain


def _mark_half_precision(graph: MutableGraph, tensor: str, to: str) -> None:
    """Mark a tensor as rounded to half precision, if the cast is its only reader."""
    described = graph.tensors[tensor]
    if graph.sole_user(tensor) is not None and tensor in graph.producer:
        graph.tensors[tensor] = replace(described, dtype=to)


def _rectifier(graph: MutableGraph, node: MutableNode) -> bool:
    return never_negative(graph, node.inputs[0])


_CHECKS: dict[str, Any] = {
    "AveragePool": _pool,
    "Add": _value(0.0),
    "Cast": _cast,
    "Concat": lambda graph, node: len(node.inputs) == 1 and not node.parameters,
    "Div": _value(1.0),
    "Dropout": lambda graph, node: len(node.outputs) == 1 and not node.attributes.get("training"),
    "Expand": lambda graph, node: len(node.inputs) == 1 and _shape_kept(graph, node),
    "GlobalAveragePool": _one_element,
    "GlobalMaxPool": _one_element,
    "Identity": lambda graph, node: True,
    "MaxPool": _pool,
    "Mul": _value(1.0),
    "Pad": lambda graph, node: not any(node.attributes.get("pads", [1])),
    "Relu": _rectifier,
    "Reshape": _shape_kept,
    "Slice": _slice,
    "Split": lambda graph, node: len(node.outputs) == 1,
    "Sub": _value(0.0),
    "Transpose": lambda graph, node: node.attributes["perm"] == sorted(node.attributes["perm"]),
}


def run(graph: MutableGraph) -> None:
    """Remove every node without effect."""
    for node in graph.of(*_CHECKS):
        if len(node.inputs) >= 1 and _CHECKS[node.op](graph, node):
            if node.op in {"Sub", "Div"} and node.attributes.get("constant_first"):
                continue
            graph.bypass(node)
