"""Elementwise operators: activations, arithmetic, casts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zoodiff.frontends.operations.operation import Number, Operation, whole, without_unset
from zoodiff.graph.ir import AttributeValue

Extremum = Literal["Max", "Min"]
Arithmetic = Literal["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]


def unary(op: str) -> Operation:
    """Return an operator without attributes."""
    return Operation(op)


RELU = Operation("Relu")
HARD_SWISH = Operation("HardSwish")


def clip(low: float | None, high: float | None) -> Operation:
    """Return a clip; a bound is None where there is none."""
    return Operation(
        "Clip",
        {
            "min": None if low is None else float(low),
            "max": None if high is None else float(high),
        },
    )


RELU6 = clip(0.0, 6.0)


def elu(alpha: float = 1.0) -> Operation:
    """Return an exponential linear unit."""
    return Operation("Elu", {"alpha": float(alpha)})


def leaky_relu(alpha: float) -> Operation:
    """Return a rectifier with the slope ``alpha`` below 0."""
    return Operation("LeakyRelu", {"alpha": float(alpha)})


def gelu(*, tanh: bool) -> Operation:
    """Return a Gaussian error linear unit, or its approximation by the hyperbolic tangent."""
    return Operation("Gelu", {"approximate": "tanh" if tanh else "none"})


def hard_sigmoid(alpha: float = 1 / 6, beta: float = 0.5) -> Operation:
    """Return the piecewise linear sigmoid ``clip(alpha * x + beta, 0, 1)``."""
    return Operation("HardSigmoid", {"alpha": float(alpha), "beta": float(beta)})


def swish(alpha: float = 1.0) -> Operation:
    """Return a swish, ``x * sigmoid(alpha * x)``."""
    return Operation("Swish", {"alpha": float(alpha)})


def dropout(ratio: float) -> Operation:
    """Return a dropout that is active at inference."""
    return Operation("Dropout", {"ratio": float(ratio), "training": True})


def cast(to: str) -> Operation:
    """Return a cast to a number type, by numpy's name."""
    return Operation("Cast", {"to": to})


def arithmetic(
    op: Arithmetic,
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
    constant_first: bool = False,
) -> Operation:
    """Return arithmetic on two operands; one may be a number, a vector along an axis or a weight.

    ``constant_first`` is kept only where the order matters.
    """
    first = constant_first and op in {"Sub", "Div", "Pow"}
    shape = None if constant_shape is None else whole(constant_shape)
    return Operation(
        op, without_unset(value=value, axis=axis, constant_shape=shape, constant_first=first)
    )


def unknown_constant(op: Arithmetic, shape: Sequence[int], *, constant_first: bool) -> Operation:
    """Return arithmetic with constants that are too many to be kept; only their shape is."""
    operation = arithmetic(op, constant_first=constant_first)
    return Operation(op, {**operation.attributes, "value_shape": whole(shape)})


def divided_by_deviation(axis: int, least: float) -> Operation:
    """Return a division by max(sqrt(variance), least); the variance is the weight."""
    return Operation("Div", {"axis": int(axis), "epsilon": float(least)})


def prelu(
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
) -> Operation:
    """Return a rectifier with a learned slope below 0."""
    shape = None if constant_shape is None else whole(constant_shape)
    return Operation("PRelu", without_unset(value=value, axis=axis, constant_shape=shape))


def quantisation(
    op: Literal["QuantizeLinear", "DequantizeLinear"],
    scale: float | None,
    zero_point: float | None,
    axis: int | None = None,
) -> Operation:
    """Return a quantisation or dequantisation; ``scale`` is None for one scale per channel."""
    stored: dict[str, AttributeValue] = {"scale": scale, "zero_point": zero_point}
    return Operation(op, stored | without_unset(axis=axis))
