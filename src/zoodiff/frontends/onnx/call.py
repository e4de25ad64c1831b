"""One ONNX node, with the methods that its handler uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.frontends.builder import LinearOrder, WeightViews
from zoodiff.frontends.onnx.protobuf import NodeProto
from zoodiff.frontends.operations import Operation
from zoodiff.graph.ir import AttributeValue, Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, ...]
Attributes = dict[str, AttributeValue]


@dataclass(frozen=True)
class Value:
    """A computed tensor."""

    name: str
    shape: Shape


@dataclass(frozen=True, eq=False)
class Weight:
    """A tensor computed from constants alone; ``array`` holds its values where it is small.

    ``origin`` is the name of the tensor in the file from which it was computed, and ``stored`` that
    tensor's shape, where a reshape or a dequantisation lies between. ``axes`` gives for each axis
    of ``stored`` its axis in ``shape``, or -1 where an axis of extent 1 was removed; None where
    this is unknown.
    """

    name: str
    shape: Shape
    dtype: str
    origin: str
    array: NDArray[np.generic] | None = None
    stored: Shape | None = None
    axes: Shape | None = None
    steps: tuple[float, ...] = ()
    """See ``Parameter.steps``."""
    steps_axis: int = 0
    steps_in: str = ""
    steps_block: int = 0
    computed_by: tuple[str, ...] = ()
    """See ``Parameter.computed_by``."""
    of_shape: bool = False
    """Whether it is computed from the shape of the data, so that it is no weight of the file."""

    def parameter(self, *, trainable: bool = True) -> Parameter:
        """Return the weight as a parameter under the name that the file stores."""
        return Parameter(
            self.origin,
            self.stored or self.shape,
            trainable,
            self.dtype,
            steps=self.steps,
            steps_axis=self.steps_axis,
            steps_in=self.steps_in,
            steps_block=self.steps_block,
            computed_by=self.computed_by,
        )

    def stepped(self, scale: Weight | None, axis: int = 0, factor: float = 1.0) -> Weight:
        """Return the weight with the steps of its integers; ``axis`` is an axis of ``shape``."""
        if scale is None or scale.array is None or not scale.array.size:
            return self
        rank = len(self.shape)
        places = self.axes if self.stored is not None else tuple(range(rank))
        place = axis + rank if axis < 0 else axis
        if scale.array.size > 1 and (places is None or place not in places):
            return self
        at = places.index(place) if scale.array.size > 1 and places is not None else 0
        steps = tuple(abs(float(s)) * factor for s in scale.array.reshape(-1))
        return replace(self, steps=steps, steps_axis=at)

    @property
    def scalar(self) -> float | None:
        """The value of a single number; None for other tensors."""
        if self.array is None or self.array.size != 1:
            return None
        value = self.array.reshape(-1)[0]
        # The shortest decimal of a float32: 0.1 and not 0.10000000149.
        return float(str(value)) if value.dtype == "float32" else float(value)

    def integers(self) -> list[int] | None:
        """Return the values as integers, or None where they are unknown."""
        return None if self.array is None else [int(v) for v in self.array.reshape(-1)]


def kind_of(value: Value | Weight | None, kind: Callable[[str], str]) -> str:
    """Return the type of an operand; empty for one that is left out or of unknown type."""
    if value is None:
        return ""
    return value.dtype if isinstance(value, Weight) else kind(value.name)


@dataclass(frozen=True)
class NodeRequest:
    """A node that a handler adds."""

    operation: Operation
    inputs: Sequence[Value]
    parameters: Sequence[Parameter]
    step: str = ""
    """The part of the node's name that distinguishes the nodes of one call."""
    shapes: Sequence[Shape] | None = None
    """The shapes of its outputs; None where they are the call's."""
    matrices: LinearOrder | None = None
    views: WeightViews | None = None
    last: bool | None = None
    """Whether its outputs are the call's; None: they are unless the node has a step."""
    passed_on: Sequence[int] = ()
    """The outputs of the call that nodes of their own pass on, see ``kept.add_opaque``."""
    output: int | None = None
    """The output of the call that the node passes on."""


@dataclass(eq=False)
class Call:
    """One ONNX node with its inputs resolved."""

    op: str
    domain: str
    opset: int
    name: str
    inputs: Sequence[Value | Weight | None]
    attributes: Mapping[str, Any]
    outputs: tuple[Shape, ...]
    emit: Callable[[NodeRequest], list[Value]]
    bias_after: Callable[[int], tuple[Weight, str] | None]
    merged: list[str] = field(default_factory=list)
    """Outputs of following nodes that are merged into this one."""
    unranked: bool = False
    """Whether some shapes of its inputs or outputs are unknown; these are ``()``."""
    quantized: bool = False
    """Whether it computes on integers that stand for real numbers."""
    reshaped: bool = False
    """Whether its first input is the result of a ``Reshape``."""
    readers: Sequence[NodeProto] = ()
    """The nodes that read its first output."""
    integer: bool = False
    """Whether its data is plain integers."""
    kinds: Sequence[str] = ()
    """The types of its inputs; empty for one that is left out or of unknown type."""
    results: str = ""
    """A letter per output: ``x``, ``u`` for one that nothing reads, ``-`` for one left out."""
    exact: bool = False
    """Whether its integers are meant as such, and stand for no real numbers."""
    more: Attributes = field(default_factory=dict)
    """Its tensors, types and nested graphs, as text."""
    around: Sequence[Value | Weight] = ()
    """What its nested graphs read from around them."""

    def given(self, position: int) -> Value | Weight | None:
        """Return an input, or None where it was left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def weight(self, position: int) -> Weight | None:
        """Return an input if it is a weight, else None."""
        operand = self.given(position)
        return operand if isinstance(operand, Weight) else None

    @property
    def data(self) -> Value:
        """The first computed input; every node that is not a constant has one."""
        return next(value for value in self.inputs if isinstance(value, Value))

    def axis(self, default: int, name: str = "axis") -> int:
        """Return an axis counted from the front, if the rank of the input is known."""
        axis, rank = int(self.attributes.get(name, default)), len(self.data.shape)
        return axis % rank if rank else axis

    def integers(self, name: str, position: int) -> list[int] | None:
        """Return a list that is an attribute in older opsets and an input in newer ones."""
        if name in self.attributes:
            return [int(v) for v in self.attributes[name]]
        weight = self.weight(position)
        return weight.integers() if weight is not None else None

    def number(self, name: str, position: int) -> float | None:
        """Return a number that is an attribute in older opsets and an input in newer ones."""
        if name in self.attributes:
            return float(self.attributes[name])
        weight = self.weight(position)
        return weight.scalar if weight is not None else None

    def unknown(self, name: str, position: int) -> bool:
        """Whether a setting is present but only known when the network runs."""
        present = name in self.attributes or self.given(position) is not None
        return present and self.number(name, position) is None

    def node(
        self,
        operation: Operation,
        *,
        inputs: Sequence[Value | Weight | None] | None = None,
        frozen: Sequence[Weight | None] = (),
        step: str = "",
        shape: Shape | None = None,
        matrices: LinearOrder | None = None,
    ) -> Value:
        """Add a node with one output and return it; inputs default to the call's."""
        operands = self.inputs if inputs is None else inputs
        parameters = [
            w.parameter() for w in operands if isinstance(w, Weight) and w.dtype.startswith(WEIGHTS)
        ]
        parameters += [w.parameter(trainable=False) for w in frozen if w is not None]
        outputs = self.emit(
            NodeRequest(
                operation.quantized(self.quantized or _of_weights(operation, operands)),
                [value for value in operands if isinstance(value, Value)],
                list({p.name: p for p in parameters}.values()),
                step=step,
                shapes=None if shape is None else [shape],
                matrices=matrices,
                views={
                    w.origin: (w.shape, w.axes)
                    for w in operands
                    if isinstance(w, Weight) and w.stored is not None
                },
            )
        )
        return outputs[0]


def _of_weights(
    operation: Operation, operands: Iterable[Value | Weight | None]
) -> Literal["weights", False]:
    """ "weights" for a layer on real numbers whose weight is stored as integers."""
    whole = any(isinstance(w, Weight) and "int" in w.dtype for w in operands)
    return "weights" if whole and operation.op in _LAYERS else False


_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm"})
WEIGHTS = ("float", "bfloat", "int2", "int4", "int8", "uint2", "uint4", "uint8", "int32")
"""Number types of weights, including quantised weights and their biases; int64 is for shapes."""

Handler = Callable[[Call], Value | list[Value] | None]
"""Adds the canonical nodes of an ONNX node and returns their outputs, or None for a node that it
cannot express exactly."""
