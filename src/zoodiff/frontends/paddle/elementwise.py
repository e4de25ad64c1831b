"""Converts Paddle's operators of single elements, and arithmetic."""

from __future__ import annotations

from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Arithmetic, Operation
from zoodiff.frontends.paddle.call import Call, Handler, Known, Value, Weight

_ALIKE = 20
"""log(1 + exp(x)) and x are the same number in single precision from here on."""


def plain(operation: Operation) -> Handler:
    """Return the handler of an operator without settings."""

    def handle(call: Call) -> Value | None:
        data = call.data()
        return None if data is None else call.node(operation, [data])

    return handle


def arithmetic(op: Arithmetic) -> Handler:
    """Return the handler of arithmetic that broadcasts as numpy does."""

    def handle(call: Call) -> Value | None:
        first, second = call.operands["x"], call.operands["y"]
        if isinstance(first, Value):
            return _on_two(call, op, first, second, is_reversed=False)
        if isinstance(second, Value):
            return _on_two(call, op, second, first, is_reversed=True)
        return None

    return handle


def _on_two(
    call: Call, op: Arithmetic, data: Value, operand: Any, *, is_reversed: bool
) -> Value | None:
    if isinstance(operand, Known):
        if operand.number is None or data.shape != call.outputs[0]:
            return None
        operation = operations.arithmetic(op, value=operand.number, constant_first=is_reversed)
        return call.node(operation, [data])
    if isinstance(operand, Weight):
        axis = _axis(operand, data)
        if not operand.is_plain and axis is None:
            return None
        along = None if operand.is_plain else axis
        operation = operations.arithmetic(op, axis=along, constant_first=is_reversed)
        return call.node(operation, [data, operand])
    if not isinstance(operand, Value):
        return None
    return call.node(operations.arithmetic(op), [data, operand])


def _axis(weight: Weight, data: Value) -> int | None:
    """Return the axis of the data along which a vector lies; None for any other weight."""
    wide = [axis for axis, extent in enumerate(weight.shape) if extent != 1]
    if len(weight.parameter.shape) != 1 or len(wide) != 1:
        return None
    return len(data.shape) - len(weight.shape) + wide[0]


def scale(call: Call) -> Any:
    """Convert ``x * scale + bias``, or ``(x + bias) * scale``."""
    data, factor, summand = call.data(), call.known("scale"), call.real("bias")
    if data is None or factor is None or factor.number is None:
        return None
    steps = [("Mul", factor.number, 1.0), ("Add", summand, 0.0)]
    if not call.attributes["bias_after_scale"]:
        steps.reverse()
    result = data
    for op, value, neutral in steps:
        if value != neutral:
            name: Arithmetic = "Mul" if op == "Mul" else "Add"
            result = call.node(operations.arithmetic(name, value=value), [result], step=op.lower())
    return result


def dropout(call: Call) -> Any:
    """Convert a dropout at inference: nothing, or a factor where training did not scale."""
    data, share = call.data(), call.known("p")
    if data is None or share is None or share.number is None or not call.attributes["is_test"]:
        return None
    if call.attributes["mode"] == "upscale_in_train":
        return data
    if call.attributes["mode"] != "downgrade_in_infer":
        return None
    return call.node(operations.arithmetic("Mul", value=1.0 - share.number), [data])


def same(call: Call) -> Any:
    """Return the input of an operator without effect."""
    return call.data()


def _hard_sigmoid(call: Call) -> Value | None:
    data = call.data()
    layer = operations.hard_sigmoid(_sixth(call.real("slope")), call.real("offset"))
    return None if data is None else call.node(layer, [data])


def _sixth(slope: float) -> float:
    """Return a slope; Paddle writes a sixth with seven digits, in which it stays a sixth."""
    return 1 / 6 if abs(slope - 1 / 6) < 5e-8 else slope


def _leaky_relu(call: Call) -> Value | None:
    data = call.data()
    layer = operations.leaky_relu(call.real("negative_slope"))
    return None if data is None else call.node(layer, [data])


def _elu(call: Call) -> Value | None:
    data = call.data()
    return None if data is None else call.node(operations.elu(call.real("alpha")), [data])


def _gelu(call: Call) -> Value | None:
    data = call.data()
    layer = operations.gelu(tanh=bool(call.attributes["approximate"]))
    return None if data is None else call.node(layer, [data])


def _softplus(call: Call) -> Value | None:
    data = call.data()
    alike = call.real("beta") == 1 and call.real("threshold") >= _ALIKE
    return call.node(operations.unary("Softplus"), [data]) if data is not None and alike else None


def _clip(call: Call) -> Value | None:
    data, low, high = call.data(), call.known("min"), call.known("max")
    if data is None or low is None or high is None or None in (low.number, high.number):
        return None
    return call.node(operations.clip(low.number, high.number), [data])


def _power(call: Call) -> Value | None:
    data = call.data()
    layer = operations.arithmetic("Pow", value=call.real("y"))
    return None if data is None else call.node(layer, [data])


def _prelu(call: Call) -> Value | None:
    data, slope = call.data(), call.weight("alpha")
    channels = call.attributes["data_format"] == "NCHW" and call.attributes["mode"] == "channel"
    if data is None or slope is None or not channels:
        return None
    return call.node(operations.prelu(axis=1), [data, slope])


_NONE: frozenset[str] = frozenset()
_PLAIN = {
    "abs": operations.unary("Abs"),
    "ceil": operations.unary("Ceil"),
    "cos": operations.unary("Cos"),
    "erf": operations.unary("Erf"),
    "exp": operations.unary("Exp"),
    "floor": operations.unary("Floor"),
    "hardswish": operations.HARD_SWISH,
    "log": operations.unary("Log"),
    "reciprocal": operations.unary("Reciprocal"),
    "relu": operations.RELU,
    "relu6": operations.RELU6,
    "sigmoid": operations.unary("Sigmoid"),
    "silu": operations.swish(),
    "sin": operations.unary("Sin"),
    "sqrt": operations.unary("Sqrt"),
    "swish": operations.swish(),
    "tanh": operations.unary("Tanh"),
}
_ARITHMETIC: dict[str, Arithmetic] = {
    "add": "Add",
    "divide": "Div",
    "elementwise_pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "multiply": "Mul",
    "subtract": "Sub",
}
HANDLERS: dict[str, tuple[Handler, frozenset[str]]] = {
    **{kind: (plain(operation), _NONE) for kind, operation in _PLAIN.items()},
    **{kind: (arithmetic(op), _NONE) for kind, op in _ARITHMETIC.items()},
    "assign": (same, _NONE),
    "clip": (_clip, _NONE),
    "dropout": (dropout, frozenset({"is_test", "mode", "seed", "fix_seed"})),
    "elu": (_elu, frozenset({"alpha"})),
    "gelu": (_gelu, frozenset({"approximate"})),
    "hardsigmoid": (_hard_sigmoid, frozenset({"slope", "offset"})),
    "leaky_relu": (_leaky_relu, frozenset({"negative_slope"})),
    "pow": (_power, frozenset({"y"})),
    "prelu": (_prelu, frozenset({"data_format", "mode"})),
    "scale": (scale, frozenset({"bias", "bias_after_scale"})),
    "softplus": (_softplus, frozenset({"beta", "threshold"})),
}
"""The handlers of these operators, and the attributes that they understand."""
