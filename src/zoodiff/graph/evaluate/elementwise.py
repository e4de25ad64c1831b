"""Operators on single elements, and arithmetic with constants and between tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Unary = Callable[[Any, Mapping[str, Any]], Any]


def _sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -80.0, 80.0)))


def _hard_sigmoid(x: Any, alpha: float, beta: float) -> Any:
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _erf(x: Any) -> Any:
    from scipy.special import erf

    return erf(x).astype(x.dtype)


def _gelu(x: Any, a: Mapping[str, Any]) -> Any:
    if a.get("approximate") == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + _erf(x * math.sqrt(0.5)))


def _clip(x: Any, a: Mapping[str, Any]) -> Any:
    return np.clip(x, a.get("min"), a.get("max"))


UNARY: dict[str, Unary] = {
    "Abs": lambda x, a: np.abs(x),
    "Clip": _clip,
    "Elu": lambda x, a: np.where(x > 0, x, a.get("alpha", 1.0) * np.expm1(np.minimum(x, 0))),
    "Erf": lambda x, a: _erf(x),
    "Exp": lambda x, a: np.exp(x),
    "Gelu": _gelu,
    "HardSigmoid": lambda x, a: _hard_sigmoid(x, a["alpha"], a["beta"]),
    "HardSwish": lambda x, a: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "LeakyRelu": lambda x, a: np.where(x > 0, x, a["alpha"] * x),
    "Log": lambda x, a: np.log(x),
    "Mish": lambda x, a: x * np.tanh(np.logaddexp(0.0, x)),
    "Relu": lambda x, a: np.maximum(x, 0),
    "Selu": lambda x, a: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "Sigmoid": lambda x, a: _sigmoid(x),
    "Softplus": lambda x, a: np.logaddexp(0.0, x),
    "Softsign": lambda x, a: x / (1.0 + np.abs(x)),
    "Sqrt": lambda x, a: np.sqrt(x),
    "Swish": lambda x, a: x * _sigmoid(a.get("alpha", 1.0) * x),
    "Tanh": lambda x, a: np.tanh(x),
}

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": lambda x, y: x + y,
    "Div": lambda x, y: x / y,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": lambda x, y: x * y,
    "Pow": lambda x, y: x**y,
    "Sub": lambda x, y: x - y,
}


def along(vector: Any, axis: int | None, rank: int) -> Any:
    """A vector that lies along one axis of a tensor, shaped to broadcast."""
    if axis is None or vector.ndim == 0 or vector.size == 1:
        return vector.reshape(()) if vector.size == 1 else vector
    shape = [1] * rank
    shape[axis] = vector.size
    return vector.reshape(shape)


def binary(op: str, inputs: list[Any], parameters: list[Any], a: Mapping[str, Any]) -> Any:
    """Two tensors, or a tensor and a constant or weight.

    A vector of features, (1, n), broadcasts over a map, (1, n, height, width).
    """
    function = BINARY[op]
    if len(inputs) == 2:
        first, second = inputs
        rank = max(first.ndim, second.ndim)
        first, second = (
            x.reshape(*x.shape, *[1] * (rank - 2)) if x.ndim == 2 < rank else x
            for x in (first, second)
        )
        return function(first, second)
    data = inputs[0]
    if parameters:
        other = parameters[0]
        if "constant_shape" in a:
            other = other.reshape(a["constant_shape"])
        else:
            other = along(other, a.get("axis"), data.ndim)
        if "divisor" in a:  # Keras's Normalization
            other = np.maximum(np.sqrt(other), a["epsilon"])
    else:
        value = np.asarray(a["value"], dtype=data.dtype)
        other = along(value, a.get("axis"), data.ndim)
    return function(other, data) if a.get("constant_first") else function(data, other)
