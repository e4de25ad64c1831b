"""Operators on each number by itself: activations, arithmetic, types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zoodiff.frontends.operations.operation import Number, Operation, whole, without_unset
from zoodiff.graph.ir import AttributeValue

Extremum = Literal["Max", "Min"]
Arithmetic = Literal["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]


def unary(op: str) -> Operation:
    """An operator without attributes."""
    return Operation(op)


RELU = Operation("Relu")
HARD_SWISH = Operation("HardSwish")


def clip(low: float | None, high: float | None) -> Operation:
    """Both bounds, None for none."""
    return Operation(
        "Clip",
        {
            "min": None if low is None else float(low),
            "max": None if high is None else float(high),
        },
    )


RELU6 = clip(0.0, 6.0)


def elu(alpha: float = 1.0) -> Operation:
    """An exponential unit."""
    return Operation("Elu", {"alpha": float(alpha)})


def leaky_relu(alpha: float) -> Operation:
    """A rectifier with a slope below 0."""
    return Operation("LeakyRelu", {"alpha": float(alpha)})


def gelu(*, tanh: bool) -> Operation:
    """A Gaussian error unit, or its approximation by the hyperbolic tangent."""
    return Operation("Gelu", {"approximate": "tanh" if tanh else "none"})


def hard_sigmoid(alpha: float = 1 / 6, beta: float = 0.5) -> Operation:
    """A sigmoid of three straight lines."""
    return Operation("HardSigmoid", {"alpha": float(alpha), "beta": float(beta)})


def swish(alpha: float = 1.0) -> Operation:
    """A sigmoid unit."""
    return Operation("Swish", {"alpha": float(alpha)})


def dropout(ratio: float) -> Operation:
    """A dropout that is active at inference."""
    return Operation("Dropout", {"ratio": float(ratio), "training": True})


def cast(to: str) -> Operation:
    """Another type, by numpy's name."""
    return Operation("Cast", {"to": to})


def arithmetic(
    op: Arithmetic,
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
    constant_first: bool = False,
) -> Operation:
    """Two operands, of which the second may be a number, a vector along an axis or a weight.

    ``constant_first`` is said only where the order matters.
    """
    first = constant_first and op in {"Sub", "Div", "Pow"}
    shape = None if constant_shape is None else whole(constant_shape)
    return Operation(
        op, without_unset(value=value, axis=axis, constant_shape=shape, constant_first=first)
    )


def unknown_constant(op: Arithmetic, shape: Sequence[int], *, constant_first: bool) -> Operation:
    """Arithmetic with a table of constants that is too large to be held: its shape alone."""
    operation = arithmetic(op, constant_first=constant_first)
    return Operation(op, {**operation.attributes, "value_shape": whole(shape)})


def divided_by_deviation(axis: int, least: float) -> Operation:
    """Divided by max(sqrt(variance), least); the variance is the weight."""
    return Operation("Div", {"axis": int(axis), "epsilon": float(least)})


def prelu(
    *,
    value: Number | None = None,
    axis: int | None = None,
    constant_shape: Sequence[int] | None = None,
) -> Operation:
    """A rectifier with a learned slope below 0."""
    shape = None if constant_shape is None else whole(constant_shape)
    return Operation("PRelu", without_unset(value=value, axis=axis, constant_shape=shape))


def quantisation(
    op: Literal["QuantizeLinear", "DequantizeLinear"],
    scale: float | None,
    zero_point: float | None,
    axis: int | None = None,
) -> Operation:
    """Real numbers as integers, or back; None for a scale per channel along an axis."""
    stored: dict[str, AttributeValue] = {"scale": scale, "zero_point": zero_point}
    return Operation(op, stored | without_unset(axis=axis))
