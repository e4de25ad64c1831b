"""Converts ATen functions of truth values, comparisons and choices as ONNX's exporters write them.

They make masks and positions. ONNX has an operator for each, which becomes the same opaque node as
in the graph of an exported file, so that the interpreter runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from zoodiff.frontends import operations
from zoodiff.frontends.torch.call import Call, Constant, Handler, Shape, Value
from zoodiff.graph.ir import AttributeValue, Parameter
from zoodiff.graph.onnx_nodes import constant_attributes, usual_places

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 4096
"""The largest constant whose values the graph holds, as in the ONNX frontend."""


def onnx_node(
    call: Call,
    op: str,
    operands: Sequence[Any],
    shape: Shape | None = None,
    step: str = "",
    **settings: AttributeValue,
) -> Value | None:
    """Add an operator of ONNX on tensors, weights, known constants and numbers; None for others.

    Of a number the type is that of the first computed operand. ``settings`` are the attributes.
    """
    import numpy as np

    attributes: dict[str, AttributeValue] = dict(settings)
    constants: dict[int, Any] = {}
    tensors: list[Any] = []
    places = ""
    kinds = [v.dtype for v in operands if isinstance(v, Value | Parameter) and v.dtype != "bool"]
    for position, operand in enumerate(operands):
        if isinstance(operand, Value | Parameter):
            places += "x" if isinstance(operand, Value) else "w"
            tensors.append(operand)
            continue
        values = operand.values if isinstance(operand, Constant) else None
        if isinstance(operand, bool | int | float):
            kind = kinds[0] if kinds and not isinstance(operand, bool) else call.dtype
            values = np.asarray(operand).astype("float32" if kind == "bfloat16" else kind)
        if values is None:
            return None
        places += "c"
        constants[position] = values
        attributes |= constant_attributes(position, values, values.dtype.name, _MOST)
    weights = [v for v in tensors if isinstance(v, Parameter)]
    if len({w.name for w in weights}) < len(weights):
        return None
    if places != usual_places(constants, places.count("x"), places.count("w")):
        attributes["operands"] = places
    operation = operations.opaque(op, attributes)
    return call.node(operation, inputs=tensors, shape=shape, step=step)


def runs_of(left_out: NDArray[Any]) -> list[int]:
    """Return how many elements of a mask in a row are kept, then left out, in turns."""
    runs = [(bool(key), len(list(run))) for key, run in groupby(left_out.reshape(-1).tolist())]
    return [0] * runs[0][0] + [length for _, length in runs]


def _of_truth(op: str) -> Handler:
    """Return the handler of a function that is ONNX's operator on truth values only."""

    def handle(call: Call) -> Value | None:
        several = [v for v in call.args if isinstance(v, Value | Constant | bool)]
        truths = all(_is_truth(v) for v in several)
        return onnx_node(call, op, several) if truths and len(several) == len(call.args) else None

    return handle


def _is_truth(value: Any) -> bool:
    if isinstance(value, Constant):
        return value.values is not None and value.values.dtype.kind == "b"
    return isinstance(value, bool) or (isinstance(value, Value) and value.dtype == "bool")


def _comparison(op: str) -> Handler:
    return lambda call: onnx_node(call, op, [call.args[0], call.arg(1, "other")])


def _unequal(call: Call) -> Value | None:
    same = onnx_node(call, "Equal", [call.args[0], call.arg(1, "other")], step="equal")
    return None if same is None else call.node(operations.opaque("Not"), inputs=[same])


def _where(call: Call) -> Value | None:
    return onnx_node(call, "Where", call.args) if len(call.args) == 3 else None


def _masked_fill(call: Call) -> Value | None:
    data, mask, value = call.args[:3]
    return onnx_node(call, "Where", [mask, value, data])


def _first_of_largest(call: Call) -> Value | None:
    axis = call.arg(1, "dim")
    if axis is None:
        return None
    rank = len(call.args[0].shape)
    kept = int(bool(call.arg(2, "keepdim", False)))
    return onnx_node(
        call,
        "ArgMax",
        [call.args[0]],
        axis=int(axis) % rank,
        keepdims=kept,
        select_last_index=0,
    )


def _running_sum(call: Call) -> Value | None:
    import numpy as np

    data = call.args[0]
    axis = Constant("axis", (), np.asarray(int(call.arg(1, "dim")) % len(data.shape)))
    if not isinstance(data, Value) or data.dtype == "bool":
        return None  # whose sum has another type
    return onnx_node(call, "CumSum", [data, axis], exclusive=0, reverse=0)


def _along_axis(call: Call) -> Value | None:
    """Convert ``gather``: of each line along an axis the elements that a tensor says."""
    data, axis, index = call.args[0], int(call.args[1]), call.args[2]
    shapes = [getattr(x, "shape", ()) for x in (data, index)]
    axis %= max(len(shapes[0]), 1)
    others = [[n for k, n in enumerate(shape) if k != axis] for shape in shapes]
    if others[0] != others[1]:
        return None  # ONNX's operator has no smaller tensors of indices
    return onnx_node(call, "GatherElements", [data, index], axis=axis)


HANDLERS: dict[str, Handler] = {
    "__and": _of_truth("And"),
    "__or": _of_truth("Or"),
    "argmax": _first_of_largest,
    "bitwise_and": _of_truth("And"),
    "bitwise_not": _of_truth("Not"),
    "bitwise_or": _of_truth("Or"),
    "cumsum": _running_sum,
    "eq": _comparison("Equal"),
    "gather": _along_axis,
    "ge": _comparison("GreaterOrEqual"),
    "gt": _comparison("Greater"),
    "le": _comparison("LessOrEqual"),
    "logical_and": _of_truth("And"),
    "logical_not": _of_truth("Not"),
    "logical_or": _of_truth("Or"),
    "lt": _comparison("Less"),
    "masked_fill": _masked_fill,
    "ne": _unequal,
    "where": _where,
}
"""The handlers of these functions."""
