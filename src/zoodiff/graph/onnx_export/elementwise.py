"""Writes functions of single elements, and arithmetic, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from zoodiff.graph.interpreter.call import Call
from zoodiff.graph.onnx_export.emit import Emit, Handler, Operand, data_of, wide

F = np.float32


def _plain(kind: str, *names: str) -> Handler:
    """Return the handler of an operator that ONNX has, with these attributes."""

    def handler(e: Emit, call: Call) -> str:
        a = call.attributes
        return e.op(kind, data_of(call), **{n: a[n] for n in names if a.get(n) is not None})

    return handler


def _clip(e: Emit, call: Call) -> str:
    a, x = call.attributes, data_of(call)
    if a.get("min") is not None:
        x = e.op("Max", x, F(a["min"]))
    return e.op("Min", x, F(a["max"])) if a.get("max") is not None else x


def _cast(e: Emit, call: Call) -> str:
    if not str(call.attributes.get("to", "")).startswith(("int", "uint")):
        return e.op("Identity", data_of(call))
    return e.op("Cast", e.op("Cast", data_of(call), to=7), to=1)


def _gelu(e: Emit, call: Call) -> str:
    x = data_of(call)
    if call.attributes["approximate"] == "tanh":
        cubed = e.op("Mul", e.op("Mul", x, x), x)
        inner = e.op("Add", x, e.op("Mul", cubed, F(0.044715)))
        grown = e.op("Tanh", e.op("Mul", inner, F(np.sqrt(2 / np.pi))))
    else:
        # ONNX Runtime recognises this spelling and runs it as one operator.
        grown = e.op("Erf", e.op("Div", x, F(np.sqrt(2))))
    return e.op("Mul", e.op("Mul", x, e.op("Add", grown, F(1))), F(0.5))


def _hard_sigmoid(e: Emit, call: Call) -> str:
    a = call.attributes
    return e.op("HardSigmoid", data_of(call), alpha=float(a["alpha"]), beta=a["beta"])


def _hard_swish(e: Emit, call: Call) -> str:
    return e.op("Mul", data_of(call), _hard_sigmoid(e, call))


def _swish(e: Emit, call: Call) -> str:
    x, alpha = data_of(call), call.attributes["alpha"]
    scaled = x if alpha == 1.0 else e.op("Mul", x, F(alpha))
    return e.op("Mul", x, e.op("Sigmoid", scaled))


def _mish(e: Emit, call: Call) -> str:
    return e.op("Mul", data_of(call), e.op("Tanh", e.op("Softplus", data_of(call))))


def _softplus(e: Emit, call: Call) -> str:
    x, beta = data_of(call), call.attributes["beta"]
    if beta == 1.0:
        return e.op("Softplus", x)
    return e.op("Div", e.op("Softplus", e.op("Mul", x, F(beta))), F(beta))


def _selu(e: Emit, call: Call) -> str:
    a = call.attributes
    alpha, gamma = a["alpha"], a["gamma"]
    return e.op("Selu", data_of(call), alpha=alpha, gamma=gamma)


def constant(e: Emit, call: Call) -> Any:
    """Return the constant or weight that a node holds, shaped to broadcast."""
    a, rank = call.attributes, e.rank(call)
    if call.parameters:
        values = np.asarray(call.parameters[0])
        if call.roles[0] == "variance":
            values = np.maximum(np.sqrt(values), a["epsilon"])
    else:
        values = np.asarray(a["value"], dtype=np.float64)
    if "constant_shape" in a:
        return values.reshape(a["constant_shape"])
    if values.size == 1 and values.ndim <= 1:
        return values.reshape(())
    return wide(values, a["axis"], rank) if "axis" in a else values


def _several(kind: str) -> Handler:
    def handler(e: Emit, call: Call) -> str:
        if len(call.inputs) > 1 and not call.parameters:
            operands: list[tuple[Operand, int]] = [
                (name, e.rank(call, k)) for k, name in enumerate(call.inputs)
            ]
            return str(reduce(lambda x, y: _together(e, kind, call, x, y), operands)[0])
        a, data, operand = call.attributes, data_of(call), constant(e, call)
        first = a["constant_first"]
        return e.op(kind, operand, data) if first else e.op(kind, data, operand)

    return handler


def _together(
    e: Emit, kind: str, call: Call, left: tuple[Operand, int], right: tuple[Operand, int]
) -> tuple[Operand, int]:
    """Write an operator on two tensors, broadcast as the interpreter does; return it and its rank.

    ``left`` and ``right`` are operands with their ranks.
    """
    (first, rank), (second, second_rank) = left, right
    axis = call.attributes.get("axis")
    if axis is not None and second_rank < rank:
        added = range(second_rank, rank - axis)
        second = e.op("Unsqueeze", second, np.array(list(added))) if added else second
    elif {rank, second_rank} == {2, 4}:
        if rank == 2:
            first = e.op("Unsqueeze", first, np.array([2, 3]))
        else:
            second = e.op("Unsqueeze", second, np.array([2, 3]))
    return e.op(kind, first, second), max(rank, second_rank)


def _prelu(e: Emit, call: Call) -> str:
    x, slope = data_of(call), constant(e, call)
    negative = e.op("Mul", e.op("Min", x, F(0)), slope)
    return e.op("Add", e.op("Max", x, F(0)), negative)


_SAME: tuple[str, ...] = (
    *("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Identity", "Log", "Neg", "Reciprocal"),
    *("Relu", "Sigmoid", "Sin", "Softsign", "Sqrt", "Tanh"),
)
_COMPOSED: dict[str, Callable[[Emit, Call], str]] = {
    "Cast": _cast,
    "Clip": _clip,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Mish": _mish,
    "PRelu": _prelu,
    "Selu": _selu,
    "Softplus": _softplus,
    "Swish": _swish,
}
HANDLERS: dict[str, Handler] = {
    **{kind: _plain(kind) for kind in _SAME},
    **{kind: _several(kind) for kind in ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")},
    "Sum": _several("Add"),
    **_COMPOSED,
    "Dropout": _plain("Identity"),
    "Elu": _plain("Elu", "alpha"),
    "LeakyRelu": _plain("LeakyRelu", "alpha"),
}
