"""Converts functions of single elements, and casts."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import (
    ACTIVATIONS,
    Call,
    Handler,
    Result,
    in_any_order,
    outputs_of,
)
from zoodiff.frontends.keras.functions.function import (
    Function,
    array_of,
    axes_of,
    function,
    settings_of,
    tensor_of,
)
from zoodiff.frontends.operations import Operation


def _plain(operation: Operation) -> Handler:
    """Return the handler of a function without settings."""

    def handler(call: Call) -> Result:
        return None if tensor_of(call) is None else call.emit(operation)

    return in_any_order(handler)


def _unary(op: str) -> Function:
    return function(_plain(operations.unary(op)))


def _named(name: str) -> Function:
    return function(_plain(ACTIVATIONS[name]))


def _slope(call: Call) -> Result:
    slope = _number(call, "negative_slope")
    return None if slope is None else _plain(operations.leaky_relu(slope))(call)


def _elu(call: Call) -> Result:
    alpha = _number(call, "alpha")
    return None if alpha is None else _plain(operations.elu(alpha))(call)


def _gelu(call: Call) -> Result:
    approximate = settings_of(call.operation).get("approximate")
    if not isinstance(approximate, bool):
        return None
    return _plain(operations.gelu(tanh=approximate))(call)


def _clip(call: Call) -> Result:
    low, high = _number(call, "x_min"), _number(call, "x_max")
    if low is None or high is None:
        return None
    return _plain(operations.clip(low, high))(call)


def _number(call: Call, name: str) -> float | None:
    """Return a setting that is one number."""
    array = array_of(settings_of(call.operation).get(name))
    return float(array.reshape(())) if array is not None and array.size == 1 else None


def _reciprocal_root(call: Call) -> Result:
    if tensor_of(call) is None:
        return None
    root = call.emit(operations.unary("Sqrt"), step="root")
    return call.emit(operations.unary("Reciprocal"), inputs=[root])


def softmax_along(call: Call, axis: object, *, log: bool = False) -> Result:
    """Return a softmax of the one input along an axis, or over its last axes together."""
    if len(call.inputs) != 1 or not call.rank:
        return None
    if isinstance(axis, int):
        call = call.as_held()
        return outputs_of(call, call.emit(operations.softmax(call.axis(axis), log=log)))
    axes, call = axes_of(axis, call.rank), call.own_order()
    if axis is None or axes is None or sorted(axes) != list(range(call.rank))[-len(axes) :]:
        return None
    lead = call.inputs[0].shape[: call.rank - len(axes)]
    joined = (*lead, prod(call.inputs[0].shape[len(lead) :]))
    flat = call.emit(operations.reshape(joined), shape=joined, step="joined")
    last = operations.softmax(len(lead), log=log)
    chances = call.emit(last, inputs=[flat], shape=joined, step="softmax")
    output = call.emit(operations.reshape(call.shapes[0]), inputs=[chances])
    return outputs_of(call, output)


def _softmax(*, log: bool) -> Handler:
    def handler(call: Call) -> Result:
        axis = settings_of(call.operation).get("axis")
        return None if tensor_of(call) is None else softmax_along(call, axis, log=log)

    return handler


def _same(call: Call) -> Result:
    """Return the input of a function without effect at inference."""
    return tensor_of(call)


def _cast(call: Call) -> Result:
    """Convert a cast; one to the same type has no effect."""
    data = tensor_of(call)
    if data is None or data.dtype == call.dtypes[0]:
        return data
    if any("8" in kind and "float" in kind for kind in (data.dtype, call.dtypes[0])):
        return None
    return _plain(operations.cast(call.dtypes[0]))(call)


_SIMPLE = {
    "Abs": "Abs",
    "Absolute": "Abs",
    "Ceil": "Ceil",
    "Cos": "Cos",
    "Erf": "Erf",
    "Exp": "Exp",
    "Floor": "Floor",
    "Log": "Log",
    "Negative": "Neg",
    "Reciprocal": "Reciprocal",
    "Selu": "Selu",
    "Sin": "Sin",
    "Sqrt": "Sqrt",
    "Tanh": "Tanh",
}
_ACTIVATIONS = {
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
}
FUNCTIONS: Mapping[str, Function] = {
    **{name: _unary(op) for name, op in _SIMPLE.items()},
    **{name: _named(activation) for name, activation in _ACTIVATIONS.items()},
    "Cast": function(_cast, "dtype", any_type=True),
    "Clip": function(_clip, "x_min", "x_max"),
    "ConvertToTensor": function(_cast, "dtype", any_type=True),
    "Copy": function(_same, any_type=True),
    "Elu": function(_elu, "alpha"),
    "Gelu": function(_gelu, "approximate"),
    "HardTanh": function(_plain(operations.clip(-1.0, 1.0))),
    "Identity": function(_same, any_type=True),
    "LeakyRelu": function(_slope, "negative_slope"),
    "LogSoftmax": function(_softmax(log=True), "axis"),
    "Rsqrt": function(in_any_order(_reciprocal_root)),
    "Softmax": function(_softmax(log=False), "axis"),
    "Square": function(_plain(operations.arithmetic("Pow", value=2.0))),
    "StopGradient": function(_same, any_type=True),
}
"""The functions of this family."""
