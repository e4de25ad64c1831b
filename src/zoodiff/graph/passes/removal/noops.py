r"""Drop what changes nothing at inference.

Each of these computes :math:`y = x`: padding by nothing, a slice of everything, a transposition
that moves nothing, an expansion to the same shape, a concatenation or sum of one, a pool over
single elements with stride 1, a multiplication by 1, an addition of 0, a cast between floating
types, a rectifier of what cannot be negative (:math:`\max(x, 0) = x` for :math:`x \ge 0`).
"""

from __future__ import annotations

from typing import Any

from zoodiff.graph.mutable import Net, Op
from zoodiff.graph.passes.signs import never_negative


def _shape_kept(net: Net, node: Op) -> bool:
    known = net.shape(node.inputs[0])
    return bool(known) and -1 not in known and known == net.shape(node.output)


def _slice(net: Net, node: Op) -> bool:
    steps = node.attributes.get("steps") or []
    return _shape_kept(net, node) and all(step == 1 for step in steps)


def _pool(net: Net, node: Op) -> bool:
    a = node.attributes
    return set(a["kernel_shape"]) | set(a["strides"]) == {1} and not any(a["pads"])


def _one_element(net: Net, node: Op) -> bool:
    shape = net.shape(node.inputs[0])
    return len(shape) == 4 and shape[2:] == (1, 1)


def _value(neutral: float) -> Any:
    def check(net: Net, node: Op) -> bool:
        value = node.attributes.get("value")
        values = value if isinstance(value, list) else [value]
        return not node.parameters and all(v == neutral for v in values) and len(node.inputs) == 1

    return check


def _cast(net: Net, node: Op) -> bool:
    source, real = net.tensors.get(node.inputs[0]), ("float", "bfloat")
    to = str(node.attributes["to"])
    return source is not None and source.dtype.startswith(real) and to.startswith(real)


def _rectifier(net: Net, node: Op) -> bool:
    return never_negative(net, node.inputs[0])


_CHECKS: dict[str, Any] = {
    "AveragePool": _pool,
    "Add": _value(0.0),
    "Cast": _cast,
    "Concat": lambda net, node: len(node.inputs) == 1 and not node.parameters,
    "Div": _value(1.0),
    "Dropout": lambda net, node: len(node.outputs) == 1 and not node.attributes.get("training"),
    "Expand": lambda net, node: len(node.inputs) == 1 and _shape_kept(net, node),
    "GlobalAveragePool": _one_element,
    "GlobalMaxPool": _one_element,
    "Identity": lambda net, node: True,
    "MaxPool": _pool,
    "Mul": _value(1.0),
    "Pad": lambda net, node: not any(node.attributes.get("pads", [1])),
    "Relu": _rectifier,
    "Reshape": _shape_kept,
    "Slice": _slice,
    "Split": lambda net, node: len(node.outputs) == 1,
    "Sub": _value(0.0),
    "Transpose": lambda net, node: node.attributes["perm"] == sorted(node.attributes["perm"]),
}


def run(net: Net) -> None:
    """Take out every node that changes nothing."""
    for node in net.of(*_CHECKS):
        if len(node.inputs) >= 1 and _CHECKS[node.op](net, node):
            if node.op in {"Sub", "Div"} and node.attributes.get("constant_first"):
                continue
            net.bypass(node)
