"""One application of a Keras layer, and steps that several handlers share.

A handler takes a ``Call``, adds nodes through it and returns the name of the output, or None for
a setting that it cannot express exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zoodiff.frontends import operations
from zoodiff.frontends.keras.protocols import Layer, Variable
from zoodiff.frontends.operations import Arithmetic, Operation

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A computed tensor; ``shape`` is the framework's own layout at batch 1."""

    name: str
    shape: Shape
    dtype: str


class Builder(Protocol):
    """The graph under construction."""

    def canonical(self, shape: Sequence[int]) -> Shape:
        """Return a shape of the framework's layout channels first."""
        ...

    def axis(self, axis: int, rank: int) -> int:
        """Return the canonical position of an axis of the framework's layout."""
        ...

    def emit(
        self,
        operation: Operation,
        name: str,
        *,
        inputs: Sequence[str],
        shapes: Sequence[Shape],
        dtypes: Sequence[str],
        variables: Iterable[Variable],
        roles: Sequence[str] = (),
        layouts: Sequence[str] = (),
    ) -> list[str]:
        """Add a node and return the names of its outputs.

        ``roles`` and ``layouts`` are those of the variables, where the operator does not say them.
        """
        ...


@dataclass(frozen=True)
class Call:
    """One application of a layer, with its inputs and outputs."""

    operation: Layer
    name: str
    inputs: tuple[Value, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Output shapes in the framework's layout."""
    dtypes: tuple[str, ...]
    builder: Builder

    @property
    def rank(self) -> int:
        """Rank of the first input."""
        return len(self.inputs[0].shape)

    @property
    def channels_last(self) -> bool:
        """Whether the framework's layout of image-like tensors is channels last."""
        return self.builder.axis(3, 4) == 1

    @property
    def output(self) -> Shape:
        """Canonical shape of the first output."""
        return self.builder.canonical(self.shapes[0])

    @property
    def canonical_input(self) -> Shape:
        """Canonical shape of the first input."""
        return self.builder.canonical(self.inputs[0].shape)

    def axis(self, axis: int) -> int:
        """Return the canonical position of an axis of the first input."""
        return self.builder.axis(axis, self.rank)

    def emit(
        self,
        operation: Operation,
        *,
        inputs: Sequence[str] | None = None,
        step: str = "",
        shape: Shape | None = None,
        variables: Iterable[Variable | None] = (),
        roles: Sequence[str] = (),
        layouts: Sequence[str] = (),
    ) -> str:
        """Add a node with one output and return that output's name.

        ``inputs`` defaults to the layer's own, ``shape`` (canonical) to the layer's output.
        """
        return self.builder.emit(
            operation,
            f"{self.name}/{step}" if step else self.name,
            inputs=[value.name for value in self.inputs] if inputs is None else inputs,
            shapes=[self.output if shape is None else shape],
            dtypes=[self.dtypes[0]],
            variables=[variable for variable in variables if variable is not None],
            roles=roles,
            layouts=layouts,
        )[0]


Handler = Callable[[Call], str | None]


def native_layout(call: Call) -> bool:
    """Whether a layer's data format is that of the whole graph."""
    layout = getattr(call.operation, "data_format", None)
    return layout is None or (layout == "channels_last") == call.channels_last


def with_constant(
    call: Call,
    op: Arithmetic,
    data: str,
    constant: object,
    *,
    step: str = "",
    constant_first: bool = False,
) -> str | None:
    """Combine a tensor with a scalar or with one number per channel; None for anything else."""
    import numpy as np

    if constant is None or isinstance(constant, str):
        return None
    values = np.asarray(constant, dtype=np.float64)
    if values.size == 1:
        number = float(values.reshape(()))
        combined = operations.arithmetic(op, value=number, constant_first=constant_first)
    elif values.ndim > 0 and values.size == values.shape[-1]:
        numbers = [float(value) for value in values.reshape(-1)]
        combined = operations.arithmetic(
            op, value=numbers, axis=call.axis(-1), constant_first=constant_first
        )
    else:
        return None
    return call.emit(combined, inputs=[data], step=step)


ACTIVATIONS: dict[str, Operation] = {
    "elu": operations.elu(),
    "exponential": operations.unary("Exp"),
    "gelu": operations.gelu(tanh=False),
    "hard_sigmoid": operations.hard_sigmoid(),
    "hard_silu": operations.HARD_SWISH,
    "leaky_relu": operations.leaky_relu(0.2),
    "mish": operations.unary("Mish"),
    "relu": operations.RELU,
    "relu6": operations.RELU6,
    "sigmoid": operations.unary("Sigmoid"),
    "silu": operations.swish(),
    "softplus": operations.unary("Softplus"),
    "softsign": operations.unary("Softsign"),
    "tanh": operations.unary("Tanh"),
}
"""Keras's activation functions with their default arguments."""


def activate(call: Call, data: str, function: object, *, step: bool = True) -> str:
    """Add the activation among a layer's arguments as a node of its own and return its output."""
    name = str(getattr(function, "__name__", None) or type(function).__name__)
    if function is None or name == "linear":
        return data
    label = name if step else ""
    if name in {"softmax", "log_softmax"}:
        axis = call.builder.axis(-1, len(call.shapes[0]))
        chances = operations.softmax(axis, log=name == "log_softmax")
        return call.emit(chances, inputs=[data], step=label)
    if name in ACTIVATIONS:
        return call.emit(ACTIVATIONS[name], inputs=[data], step=label)
    variables = getattr(function, "weights", ())
    unknown = operations.opaque(f"keras::{name}")
    return call.emit(unknown, inputs=[data], step=label, variables=variables)
