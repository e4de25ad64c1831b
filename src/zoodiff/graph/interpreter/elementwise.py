"""Operators on single elements, and arithmetic with constants and between tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler, along
from zoodiff.graph.ir import Node
from zoodiff.graph.values import REAL, is_real, numpy_type

Unary = Callable[[Array, Mapping[str, Any]], Array]


def sigmoid(x: Array) -> Array:
    """Return the logistic function of each element, without overflow for large negative ones."""
    with np.errstate(over="ignore"):  # exp(-x) is infinite, and its inverse 0
        result: Array = np.exp(-x)
    result += 1
    return np.reciprocal(result, out=result)


def _hard_sigmoid(x: Array, alpha: float, beta: float) -> Array:
    result: Array = x * alpha
    result += beta
    return np.clip(result, 0, 1, out=result)


def _erf(x: Array) -> Array:
    from scipy.special import erf

    result: Array = erf(x)
    return result


def _gelu(x: Array, a: Mapping[str, Any]) -> Array:
    if a["approximate"] == "tanh":
        inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
    else:
        inner = _erf(x * math.sqrt(0.5))
    inner += 1
    inner *= x
    inner *= 0.5
    return inner


def _clip(x: Array, a: Mapping[str, Any]) -> Array:
    low, high = a.get("min"), a.get("max")
    if low is None:
        return x if high is None else np.minimum(x, high)
    return np.maximum(x, low) if high is None else np.clip(x, low, high)


def _exponential(x: Array, alpha: float, gamma: float = 1.0) -> Array:
    """Return ``gamma * x`` above 0 and ``gamma * alpha * (exp(x) - 1)`` below: Elu, Selu."""
    return np.where(x > 0, gamma * x, gamma * alpha * np.expm1(np.minimum(x, 0)))


def _hard_swish(x: Array, a: Mapping[str, Any]) -> Array:
    result = _hard_sigmoid(x, a["alpha"], a["beta"])
    result *= x
    return result


def _swish(x: Array, a: Mapping[str, Any]) -> Array:
    alpha = a["alpha"]
    result = sigmoid(x if alpha == 1.0 else alpha * x)
    result *= x
    return result


def _cast(x: Array, a: Mapping[str, Any]) -> Array:
    """Return whole numbers or truth values; the precision of real numbers stays as it is.

    From whole numbers, real numbers become those of the graph when the result is stored.
    """
    to = numpy_type(str(a["to"]))
    if to.name in REAL:
        return x if is_real(x) else x.astype(to if to.itemsize > 2 else np.float32)
    return x != 0 if to.kind == "b" else x.astype(to)


UNARY: dict[str, Unary] = {
    "Abs": lambda x, a: np.abs(x),
    "Cast": _cast,
    "Ceil": lambda x, a: np.ceil(x),
    "Clip": _clip,
    "Cos": lambda x, a: np.cos(x),
    "Dropout": lambda x, a: x,
    "Elu": lambda x, a: _exponential(x, a["alpha"]),
    "Erf": lambda x, a: _erf(x),
    "Exp": lambda x, a: np.exp(x),
    "Floor": lambda x, a: np.floor(x),
    "Gelu": _gelu,
    "HardSigmoid": lambda x, a: _hard_sigmoid(x, a["alpha"], a["beta"]),
    "HardSwish": _hard_swish,
    "Identity": lambda x, a: x,
    "LeakyRelu": lambda x, a: np.where(x > 0, x, a["alpha"] * x),
    "Log": lambda x, a: np.log(x),
    "Mish": lambda x, a: x * np.tanh(np.logaddexp(0, x)),
    "Neg": lambda x, a: np.negative(x),
    "Reciprocal": lambda x, a: np.reciprocal(x),
    "Relu": lambda x, a: np.maximum(x, 0),
    "Selu": lambda x, a: _exponential(x, a["alpha"], a["gamma"]),
    "Sigmoid": lambda x, a: sigmoid(x),
    "Sin": lambda x, a: np.sin(x),
    "Softplus": lambda x, a: np.logaddexp(0, a["beta"] * x) / a["beta"],
    "Softsign": lambda x, a: x / (1 + np.abs(x)),
    "Sqrt": lambda x, a: np.sqrt(x),
    "Swish": _swish,
    "Tanh": lambda x, a: np.tanh(x),
}

BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Pow": np.power,
    "Sub": np.subtract,
    "Sum": np.add,
}


def _single(op: str) -> Handler:
    function = UNARY[op]
    return lambda call: function(call.data, call.attributes)


def _several(op: str) -> Handler:
    """Return the handler of an operator over tensors, or over a tensor and a constant."""
    function = BINARY[op]

    def handler(call: Call) -> Array:
        if len(call.inputs) > 1 and not call.parameters:
            return reduce(lambda x, y: function(*_together(call, x, y)), call.inputs)
        a, data, constant = call.attributes, call.data, _constant(call)
        return function(constant, data) if a["constant_first"] else function(data, constant)

    return handler


def _together(call: Call, first: Array, second: Array) -> tuple[Array, Array]:
    """Return two tensors reshaped to broadcast.

    Broadcasting is numpy's, with two exceptions: until ONNX's opset 6 the attribute ``axis`` gives
    the first axis of the second tensor, and a vector of features, (1, n), is broadcast along the
    channels of an image, (1, n, height, width), since passes drop axes of extent 1.
    """
    axis = call.attributes.get("axis")
    if axis is not None and second.ndim < first.ndim:
        behind = first.ndim - axis - second.ndim
        return first, second.reshape(*second.shape, *(1,) * behind)
    for vector, image in ((first, second), (second, first)):
        if vector.ndim == 2 and image.ndim == 4 and vector.shape[1] == image.shape[1]:
            widened = vector.reshape(*vector.shape, 1, 1)
            return (widened, image) if vector is first else (image, widened)
    return first, second


def _constant(call: Call) -> Array:
    a, rank = call.attributes, call.data.ndim
    if call.parameters:
        constant = call.parameters[0]
        if call.roles[0] == "variance":
            constant = np.maximum(np.sqrt(constant), a["epsilon"])
    else:
        constant = np.asarray(a["value"])
        whole = call.data.dtype.kind in "iu" and bool((constant == np.trunc(constant)).all())
        if whole or is_real(call.data):
            constant = constant.astype(call.data.dtype)
    if "constant_shape" in a:
        return constant.reshape(a["constant_shape"])
    if constant.size == 1 and constant.ndim <= 1:
        return constant.reshape(())
    return along(constant, a["axis"], rank) if "axis" in a else constant


def _mean(call: Call) -> Array:
    total = reduce(lambda x, y: np.add(*_together(call, x, y)), call.inputs)
    return np.asarray(total / len(call.inputs))


def _prelu(call: Call) -> Array:
    x, slope = call.data, _constant(call)
    return np.where(x > 0, x, slope * x)


HANDLERS: dict[str, Handler] = {
    **{op: _single(op) for op in UNARY},
    **{op: _several(op) for op in BINARY},
    "Mean": _mean,
    "PRelu": _prelu,
}


def _one_operand(node: Node) -> bool:
    return len(node.inputs) + len(node.parameters) == 1


def _two_operands(node: Node) -> bool:
    """Whether a node can be run: not where the graph holds only the shape of its constant."""
    return not _one_operand(node) or node.attributes.get("value") is not None


SUPPORTED: dict[str, Callable[[Node], bool]] = {
    **dict.fromkeys(UNARY, _one_operand),
    **dict.fromkeys(("PRelu", *BINARY), _two_operands),
    "Mean": lambda node: not node.parameters,
}
