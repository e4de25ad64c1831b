"""One application of a Keras layer, and what several handlers do with one.

A handler takes a ``Call``, adds nodes through it and returns the name of the output, or None for
a setting that it cannot express exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from zoodiff.graph.ir import AttributeValue

Shape = tuple[int, ...]
Attributes = Mapping[str, AttributeValue]


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
        op: str,
        name: str,
        *,
        inputs: Sequence[str],
        shapes: Sequence[Shape],
        dtypes: Sequence[str],
        attributes: Attributes,
        variables: Iterable[Any],
    ) -> list[str]:
        """Add a node and return the names of its outputs."""
        ...


@dataclass(frozen=True)
class Call:
    """One application of a layer: what goes in, what comes out."""

    operation: Any
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
        op: str,
        attributes: Attributes | None = None,
        *,
        inputs: Sequence[str] | None = None,
        step: str = "",
        shape: Shape | None = None,
        variables: Iterable[Any] = (),
    ) -> str:
        """Add a node with one output and return that output's name.

        ``inputs`` defaults to the layer's own, ``shape`` (canonical) to the layer's output.
        """
        return self.builder.emit(
            op,
            f"{self.name}/{step}" if step else self.name,
            inputs=[value.name for value in self.inputs] if inputs is None else inputs,
            shapes=[self.output if shape is None else shape],
            dtypes=[self.dtypes[0]],
            attributes=attributes or {},
            variables=[variable for variable in variables if variable is not None],
        )[0]


Handler = Callable[[Call], str | None]


def native_layout(call: Call) -> bool:
    """Whether a layer works in the layout that the whole graph is read in."""
    layout = getattr(call.operation, "data_format", None)
    return layout is None or (layout == "channels_last") == call.channels_last


def with_constant(
    call: Call, op: str, data: str, constant: Any, *, step: str = "", constant_first: bool = False
) -> str | None:
    """Combine a tensor with a scalar or with one number a channel; None for anything else."""
    import numpy as np

    if constant is None or isinstance(constant, str):
        return None
    values = np.asarray(constant, dtype=np.float64)
    attributes: dict[str, AttributeValue] = {}
    if values.size == 1:
        attributes["value"] = float(values.reshape(()))
    elif values.ndim > 0 and values.size == values.shape[-1]:
        attributes["value"] = [float(value) for value in values.reshape(-1)]
        attributes["axis"] = call.axis(-1)
    else:
        return None
    if constant_first and op in {"Sub", "Div"}:
        attributes["constant_first"] = True
    return call.emit(op, attributes, inputs=[data], step=step)


ACTIVATIONS: dict[str, tuple[str, Attributes]] = {
    "elu": ("Elu", {"alpha": 1.0}),
    "exponential": ("Exp", {}),
    "gelu": ("Gelu", {"approximate": "none"}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_silu": ("HardSwish", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "mish": ("Mish", {}),
    "relu": ("Relu", {}),
    "relu6": ("Clip", {"min": 0.0, "max": 6.0}),
    "sigmoid": ("Sigmoid", {}),
    "silu": ("Swish", {"alpha": 1.0}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}
"""Keras's activation functions at their default arguments, under ONNX's names."""


def activate(call: Call, data: str, function: Any, *, step: bool = True) -> str:
    """Add the activation among a layer's arguments as a node of its own."""
    name = str(getattr(function, "__name__", None) or type(function).__name__)
    if function is None or name == "linear":
        return data
    label = name if step else ""
    if name in {"softmax", "log_softmax"}:
        op = "Softmax" if name == "softmax" else "LogSoftmax"
        axis = call.builder.axis(-1, len(call.shapes[0]))
        return call.emit(op, {"axis": axis}, inputs=[data], step=label)
    if name in ACTIVATIONS:
        op, attributes = ACTIVATIONS[name]
        return call.emit(op, attributes, inputs=[data], step=label)
    variables = getattr(function, "weights", ())
    return call.emit(f"keras::{name}", inputs=[data], step=label, variables=variables)
