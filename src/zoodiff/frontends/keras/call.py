"""One application of a Keras layer or function, and steps that several handlers share.

A handler takes a ``Call``, adds nodes through it and returns the name of the output (a list of
names where there are several), or None for a setting that it cannot express exactly.

Keras has channels last. A computed image is held in the graph channels first, as convolutions of
the canonical graph read it; other tensors of four axes, such as the heads of attention, keep the
framework's order. A handler chooses the order in which it reads its operands
(``Call.channels_first``, ``Call.own_order``, ``Call.as_held``); a ``Transpose`` is added where a
tensor is held in the other one, so that the graph always computes what the network computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from zoodiff.frontends import operations
from zoodiff.frontends.keras.protocols import Layer, Variable
from zoodiff.frontends.operations import Arithmetic, Operation

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A computed tensor, or a weight that is read as one.

    ``shape`` is the framework's own layout at batch 1; ``image`` says that the graph holds the
    tensor channels first. ``variable`` is set for a weight, which has no name in the graph before
    a node reads it.
    """

    name: str
    shape: Shape
    dtype: str
    image: bool = False
    variable: Variable | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Weight:
    """A variable of a node, with role and layout where the operator does not say them."""

    variable: Variable
    role: str = ""
    layout: str = ""


@dataclass(frozen=True)
class NodeRequest:
    """A node to be added, with one output per shape; shapes are those of the graph."""

    operation: Operation
    name: str
    inputs: Sequence[str]
    shapes: Sequence[Shape]
    dtypes: Sequence[str]
    weights: Sequence[Weight] = ()


class Builder(Protocol):
    """The graph under construction."""

    channels_last: bool
    """Whether the framework's layout of images is channels last."""

    def held(self, value: Value, *, image: bool) -> Value:
        """Return a tensor with four axes channels first (``image``) or in the framework's order.

        Adds a Transpose where the graph holds it in the other order only; adds the node that reads
        a weight.
        """
        ...

    def weight(self, variable: Variable) -> Value:
        """Return a variable as an operand of a function."""
        ...

    def emit(self, request: NodeRequest) -> list[str]:
        """Add a node and return the names of its outputs."""
        ...

    def afford(self, count: int) -> bool:
        """Whether a table of so many numbers may be written; those that are written add up."""
        ...


@dataclass(frozen=True)
class Call:
    """One application of a layer or function, with its inputs and outputs."""

    operation: Layer
    name: str
    inputs: tuple[Value, ...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shapes: tuple[Shape, ...]
    """Output shapes in the framework's layout."""
    dtypes: tuple[str, ...]
    builder: Builder
    image: bool = False
    """Whether tensors of four axes are read and written channels first."""

    @property
    def rank(self) -> int:
        """Rank of the first input."""
        return len(self.inputs[0].shape)

    @property
    def channels_last(self) -> bool:
        """Whether the framework's layout of image-like tensors is channels last."""
        return self.builder.channels_last

    @property
    def output(self) -> Shape:
        """Shape of the first output in the graph."""
        return self.in_graph(self.shapes[0])

    @property
    def canonical_input(self) -> Shape:
        """Shape of the first input in the graph."""
        return self.in_graph(self.inputs[0].shape)

    def in_graph(self, shape: Sequence[int]) -> Shape:
        """Return a shape of the framework's layout in the order of this call."""
        if len(shape) == 4 and self.image:
            return (shape[0], shape[3], shape[1], shape[2])
        return tuple(shape)

    def axis(self, axis: int, rank: int | None = None) -> int:
        """Return the position in the graph of an axis of the first input, or of a rank."""
        rank = self.rank if rank is None else rank
        positive = int(axis) % rank
        return (0, 2, 3, 1)[positive] if rank == 4 and self.image else positive

    def channels_first(self) -> Call:
        """Return the call with images channels first."""
        return self._held(image=self.channels_last)

    def own_order(self) -> Call:
        """Return the call with all tensors in the framework's order of axes."""
        return self._held(image=False)

    def as_held(self) -> Call:
        """Return the call in the order in which images among its inputs are held."""
        return self._held(image=any(value.image for value in self.inputs))

    def _held(self, *, image: bool) -> Call:
        held = {id(value): self.builder.held(value, image=image) for value in self.inputs}

        def swap(argument: Any) -> Any:
            if isinstance(argument, Value):
                return held.get(id(argument), argument)
            if isinstance(argument, list | tuple) and any(map(_holds_value, argument)):
                return type(argument)(map(swap, argument))
            return argument

        return replace(
            self,
            inputs=tuple(held[id(value)] for value in self.inputs),
            args=tuple(map(swap, self.args)),
            kwargs={key: swap(value) for key, value in self.kwargs.items()},
            image=image,
        )

    def emit(
        self,
        operation: Operation,
        *,
        inputs: Sequence[str] | None = None,
        step: str = "",
        shape: Shape | None = None,
        variables: Iterable[Variable | Weight | None] = (),
    ) -> str:
        """Add a node with one output and return that output's name.

        ``inputs`` defaults to the layer's own, ``shape`` (in the graph) to the layer's output.
        """
        shapes = [self.output if shape is None else shape]
        return self._emit(operation, shapes, inputs, step, variables)[0]

    def emit_several(self, operation: Operation, shapes: Sequence[Shape]) -> list[str]:
        """Add a node with an output per shape and return the names of its outputs."""
        return self._emit(operation, shapes, None, "", ())

    def _emit(
        self,
        operation: Operation,
        shapes: Sequence[Shape],
        inputs: Sequence[str] | None,
        step: str,
        variables: Iterable[Variable | Weight | None],
    ) -> list[str]:
        given = [variable for variable in variables if variable is not None]
        return self.builder.emit(
            NodeRequest(
                operation,
                f"{self.name}/{step}" if step else self.name,
                [value.name for value in self.inputs] if inputs is None else inputs,
                shapes,
                [self.dtypes[0]] * len(shapes),
                [v if isinstance(v, Weight) else Weight(v) for v in given],
            )
        )


def _holds_value(argument: object) -> bool:
    if isinstance(argument, list | tuple):
        return any(map(_holds_value, argument))
    return isinstance(argument, Value)


Result = str | list[str] | Value | list[Value] | None
"""The name of the output in the call's order of axes, several names, the outputs themselves, or
None for what cannot be expressed."""
Handler = Callable[[Call], Result]


def outputs_of(call: Call, result: Result) -> list[Value] | None:
    """Return a handler's result as tensors; names are of tensors in the order of the call."""
    if result is None:
        return None
    given = result if isinstance(result, list) else [result]
    return [
        each
        if isinstance(each, Value)
        else Value(each, shape, dtype, image=call.image and len(shape) == 4)
        for each, shape, dtype in zip(given, call.shapes, call.dtypes, strict=True)
    ]


def on_images(handler: Handler) -> Handler:
    """Return a handler that reads and writes images channels first."""
    return lambda call: _applied(handler, call.channels_first())


def in_own_order(handler: Handler) -> Handler:
    """Return a handler that reads and writes all tensors in the framework's order of axes."""
    return lambda call: _applied(handler, call.own_order())


def in_any_order(handler: Handler) -> Handler:
    """Return a handler that works on images in the order in which they are held."""
    return lambda call: _applied(handler, call.as_held())


def _applied(handler: Handler, call: Call) -> Result:
    return outputs_of(call, handler(call))


def each(wrap: Callable[[Handler], Handler], handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """Return handlers by the same names, each wrapped."""
    return {name: wrap(handler) for name, handler in handlers.items()}


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


def activation_name(function: object) -> str:
    """Return the name of an activation among a layer's arguments."""
    return str(getattr(function, "__name__", None) or type(function).__name__)


def is_known_activation(function: object) -> bool:
    """Whether an activation is Keras's own, with a canonical operator."""
    known = activation_name(function) in {*ACTIVATIONS, "linear", "log_softmax", "softmax"}
    module = getattr(function, "__module__", None) or ""
    return function is None or (known and module.partition(".")[0] == "keras")


def activate(call: Call, data: str, function: object, *, step: bool = True) -> str:
    """Add the activation among a layer's arguments as a node of its own and return its output."""
    name = activation_name(function)
    if function is None or name == "linear":
        return data
    label = name if step else ""
    known = is_known_activation(function)
    if known and name in {"softmax", "log_softmax"}:
        axis = call.axis(-1, len(call.shapes[0]))
        chances = operations.softmax(axis, log=name == "log_softmax")
        return call.emit(chances, inputs=[data], step=label)
    if known and name in ACTIVATIONS:
        return call.emit(ACTIVATIONS[name], inputs=[data], step=label)
    variables = getattr(function, "weights", ())
    unknown = operations.opaque(f"keras::{name}")
    return call.emit(unknown, inputs=[data], step=label, variables=variables)
