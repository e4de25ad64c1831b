"""Converts ATen's functions of single elements, and arithmetic."""

from __future__ import annotations

from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Arithmetic, Extremum, Operation
from zoodiff.frontends.torch.call import Call, Constant, Handler, Value
from zoodiff.frontends.torch.logic import onnx_node, runs_of
from zoodiff.graph.ir import Parameter


def _plain(operation: Operation) -> Handler:
    return lambda call: call.node(operation, inputs=[call.args[0]])


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _arithmetic(op: Arithmetic) -> Handler:
    def handle(call: Call) -> Value | None:
        first, second = call.args[0], call.arg(1, "other")
        if call.kwargs.get("alpha", 1) != 1 or call.kwargs.get("rounding_mode"):
            return None
        return _on_two(call, op, first, second)

    return handle


def _on_two(call: Call, op: Arithmetic, first: Any, second: Any) -> Value | None:
    if isinstance(second, bool | int | float):
        return call.node(operations.arithmetic(op, value=float(second)), inputs=[first])
    if isinstance(first, bool | int | float):
        reverse = operations.arithmetic(op, value=float(first), constant_first=True)
        return call.node(reverse, inputs=[second])
    if any(isinstance(v, Constant) for v in (first, second)):
        return _on_constant(call, op, first, second)
    if not all(isinstance(v, Value | Parameter) for v in (first, second)):
        return None
    weight_first = isinstance(first, Parameter)
    if weight_first and isinstance(second, Parameter):
        return _on_weights(call, op, first, second)
    return call.node(operations.arithmetic(op, constant_first=weight_first), inputs=[first, second])


def _on_constant(call: Call, op: Arithmetic, first: Any, second: Any) -> Value | None:
    """Add arithmetic on a constant and a tensor or, where its values are known, on a weight."""
    if isinstance(second, Constant) and isinstance(first, Value):
        mask = _mask(call, first, second) if op == "Add" and first.of_weights else None
        if mask is not None:
            return mask
        return call.node(operations.arithmetic(op, constant_shape=second.shape), inputs=[first])
    if any(isinstance(v, Parameter) for v in (first, second)):
        return onnx_node(call, f"onnx::{op}", [first, second])
    return None


def _mask(call: Call, table: Value, constant: Constant) -> Value | None:
    """Add a constant of zeros and of one negative number to a table that depends on weights alone.

    Its values are kept as a mask, however large it is.
    """
    values = constant.values
    if values is None or values.dtype.kind != "f":
        return None
    lowest = float(values.min(initial=0.0))
    left_out = values == lowest
    if lowest >= 0 or (values[~left_out] != 0).any():
        return None
    operation = operations.mask(values.shape, runs_of(left_out), value=lowest, added=True)
    return call.node(operation, inputs=[table])


def _on_weights(call: Call, op: Arithmetic, first: Parameter, second: Parameter) -> Value | None:
    """Add arithmetic on two weights, of which the first is read as a tensor."""
    if first.name == second.name:
        return None
    return call.node(operations.arithmetic(op), inputs=[first, second])


def _reversed_difference(call: Call) -> Value | None:
    """Convert ``rsub``: the second operand less the first."""
    if call.arg(2, "alpha", 1) != 1:
        return None
    return _on_two(call, "Sub", call.arg(1, "other"), call.args[0])


def _extremum(op: Extremum) -> Handler:
    """Return the handler of the largest or smallest of two tensors."""

    def handle(call: Call) -> Value | None:
        first, second = call.args[0], call.arg(1, "other")
        return _on_two(call, op, first, second) if len(call.args) == 2 else None

    return handle


def _addcmul(call: Call) -> Value | None:
    """Convert ``input + value * first * second``, in the order in which ONNX's exporter writes."""
    data, first, second = call.args[:3]
    factor = call.kwargs.get("value", 1)
    operands = (data, first, second)
    if not all(isinstance(v, Value | Parameter) for v in operands):
        return None
    weights = [v for v in (first, second) if isinstance(v, Parameter)]
    if factor != 1 or len({w.name for w in weights}) < len(weights):
        return None
    shape = _broadcast(first.shape, second.shape)
    weight_first = isinstance(first, Parameter) and isinstance(second, Value)
    product = call.node(
        operations.arithmetic("Mul", constant_first=weight_first),
        inputs=[first, second],
        shape=shape,
        step="product",
    )
    return call.node(operations.arithmetic("Add"), inputs=[data, product])


def _broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    import numpy as np

    return tuple(int(n) for n in np.broadcast_shapes(first, second))


def _square(call: Call) -> Value:
    return call.node(operations.arithmetic("Pow", value=2.0), inputs=[call.args[0]])


def _power(call: Call) -> Value | None:
    """Convert powers of tensors, of which exponent or base may be a number."""
    base, exponent = call.args[0], call.arg(1, "exponent")
    return _on_two(call, "Pow", base, exponent)


def _reciprocal_root(call: Call) -> Value:
    root = call.node(operations.unary("Sqrt"), inputs=[call.args[0]], step="root")
    return call.node(operations.unary("Reciprocal"), inputs=[root])


def _elu(call: Call) -> Value | None:
    """Convert elu; None where it scales its input or result, as selu does."""
    if call.arg(2, "scale", 1) != 1 or call.arg(3, "input_scale", 1) != 1:
        return None
    return call.node(operations.elu(call.arg(1, "alpha", 1.0)), inputs=[call.args[0]])


def _leaky_relu(call: Call) -> Value:
    slope = float(call.arg(1, "negative_slope", 0.01))
    return call.node(operations.leaky_relu(slope), inputs=[call.args[0]])


def _softplus(call: Call) -> Value | None:
    """Convert softplus; beyond its threshold PyTorch returns the data, which is the same there."""
    if call.arg(1, "beta", 1) != 1 or call.arg(2, "threshold", 20) < _ALIKE:
        return None
    return call.node(operations.unary("Softplus"), inputs=[call.args[0]])


_ALIKE = 20
"""log(1 + exp(x)) and x are the same number in single precision from here on."""


def _clip(call: Call) -> Value | None:
    low, high = call.arg(1, "min", -1.0), call.arg(2, "max", 1.0)
    return _between(call, low, high)


def _clamp(call: Call) -> Value | None:
    return _between(call, call.arg(1, "min"), call.arg(2, "max"))


def _between(call: Call, low: Any, high: Any) -> Value | None:
    if not all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return None  # bounds that are computed
    return call.node(operations.clip(low, high), inputs=[call.args[0]])


def _at_least(call: Call) -> Value | None:
    if not isinstance(call.args[1], int | float):
        return None
    return call.node(operations.clip(call.args[1], None), inputs=[call.args[0]])


def _at_most(call: Call) -> Value | None:
    if not isinstance(call.args[1], int | float):
        return None
    return call.node(operations.clip(None, call.args[1]), inputs=[call.args[0]])


def _gelu(call: Call) -> Value:
    return call.node(operations.gelu(tanh=call.kwargs.get("approximate") == "tanh"))


def _cast(call: Call) -> Value | None:
    """Convert a conversion to another number type."""
    if not isinstance(call.args[0], Value | Parameter):
        return None
    return call.node(Operation("Cast", {"to": call.dtype}), inputs=[call.args[0]])


def _same(call: Call) -> Any:
    """Return the input of a function without effect at inference."""
    return call.args[0]


def _dropout(call: Call) -> Any:
    """Return the input of a dropout, or a dropout that is active at inference."""
    ratio, training = call.args[1:3]
    if not training or ratio == 0:
        return call.args[0]
    return call.node(operations.dropout(float(ratio)), inputs=[call.args[0]])


def _inactive(call: Call) -> Any:
    """Return the input of a function that changes nothing outside of training."""
    return None if call.args[2] else call.args[0]


HANDLERS: dict[str, Handler] = {
    "abs": _unary("Abs"),
    "add": _arithmetic("Add"),
    "addcmul": _addcmul,
    "alias": _same,
    "alpha_dropout": _inactive,
    "ceil": _unary("Ceil"),
    "clamp": _clamp,
    "clamp_max": _at_most,
    "clamp_min": _at_least,
    "clone": _same,
    "contiguous": _same,
    "cos": _unary("Cos"),
    "detach": _same,
    "div": _arithmetic("Div"),
    "dropout": _dropout,
    "elu": _elu,
    "erf": _unary("Erf"),
    "exp": _unary("Exp"),
    "feature_alpha_dropout": _inactive,
    "feature_dropout": _inactive,
    "floor": _unary("Floor"),
    "gelu": _gelu,
    "hardsigmoid": _plain(operations.hard_sigmoid()),
    "hardswish": _plain(operations.HARD_SWISH),
    "hardtanh": _clip,
    "leaky_relu": _leaky_relu,
    "log": _unary("Log"),
    "maximum": _extremum("Max"),
    "minimum": _extremum("Min"),
    "mish": _unary("Mish"),
    "mul": _arithmetic("Mul"),
    "neg": _unary("Neg"),
    "pow": _power,
    "reciprocal": _unary("Reciprocal"),
    "relu": _unary("Relu"),
    "relu6": _plain(operations.RELU6),
    "rsqrt": _reciprocal_root,
    "rsub": _reversed_difference,
    "selu": _unary("Selu"),
    "sigmoid": _unary("Sigmoid"),
    "silu": _plain(operations.swish()),
    "sin": _unary("Sin"),
    "softplus": _softplus,
    "sqrt": _unary("Sqrt"),
    "square": _square,
    "sub": _arithmetic("Sub"),
    "tanh": _unary("Tanh"),
    "to": _cast,
    "_to_copy": _cast,
    "type_as": _cast,
}
"""The handlers of these functions."""
