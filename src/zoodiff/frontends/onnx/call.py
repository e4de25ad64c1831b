"""One ONNX node, and what its handler does with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.builder import LinearOrder, WeightViews
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

    ``origin`` names the tensor in the file that it was made from, and ``stored`` that one's
    shape, where a reshape or a dequantisation lies between. ``axes`` says for each axis of
    ``stored`` which axis of ``shape`` it is, -1 for an extent of one that is gone; None where that
    is not known.
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

    def parameter(self, *, trainable: bool = True) -> Parameter:
        """The parameter that the file holds."""
        return Parameter(
            self.origin,
            self.stored or self.shape,
            trainable,
            self.dtype,
            steps=self.steps,
            steps_axis=self.steps_axis,
        )

    def stepped(self, scale: Weight | None, axis: int = 0, factor: float = 1.0) -> Weight:
        """The same weight as integers of known steps; axes are those of ``shape``."""
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
        """Its value where it is a single number."""
        if self.array is None or self.array.size != 1:
            return None
        value = self.array.reshape(-1)[0]
        # The shortest decimal of a float32: 0.1 and not 0.10000000149.
        return float(str(value)) if value.dtype == "float32" else float(value)

    def integers(self) -> list[int] | None:
        """Its values as integers, where they are known."""
        return None if self.array is None else [int(v) for v in self.array.reshape(-1)]


@dataclass(frozen=True)
class NodeRequest:
    """A node that a handler wants added."""

    operation: Operation
    inputs: Sequence[Value]
    parameters: Sequence[Parameter]
    step: str = ""
    """Tells the nodes of one call apart."""
    shapes: Sequence[Shape] | None = None
    """Of its outputs; None where they are the call's."""
    matrices: LinearOrder | None = None
    views: WeightViews | None = None
    last: bool | None = None
    """Whether its outputs are the call's; None where it has no step to tell."""


@dataclass(eq=False)
class Call:
    """One node with its inputs looked up."""

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
    """Outputs of following nodes that this one's result stands for."""
    unranked: bool = False
    """Shapes of its inputs or outputs are unknown, and stand here as ``()``."""
    quantized: bool = False
    """It computes on integers that stand for real numbers; every node made of it says so."""
    integer: bool = False
    """Its data is integers, which stand for themselves."""

    def given(self, position: int) -> Value | Weight | None:
        """An input, None where it was left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def weight(self, position: int) -> Weight | None:
        """An input where it is a weight."""
        operand = self.given(position)
        return operand if isinstance(operand, Weight) else None

    @property
    def data(self) -> Value:
        """The first computed input; there is one, or the node would be a constant."""
        return next(value for value in self.inputs if isinstance(value, Value))

    def axis(self, default: int, name: str = "axis") -> int:
        """An axis counted from the front, as far as the rank of the input is known."""
        axis, rank = int(self.attributes.get(name, default)), len(self.data.shape)
        return axis % rank if rank else axis

    def integers(self, name: str, position: int) -> list[int] | None:
        """A list that older opsets keep in an attribute and newer ones in an input."""
        if name in self.attributes:
            return [int(v) for v in self.attributes[name]]
        weight = self.weight(position)
        return weight.integers() if weight is not None else None

    def number(self, name: str, position: int) -> float | None:
        """A number that older opsets keep in an attribute and newer ones in an input."""
        if name in self.attributes:
            return float(self.attributes[name])
        weight = self.weight(position)
        return weight.scalar if weight is not None else None

    def unknown(self, name: str, position: int) -> bool:
        """Whether a setting is given, but only known when the network runs."""
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
        """Add a node with one output; inputs default to the node's own."""
        operands = self.inputs if inputs is None else inputs
        parameters = [
            w.parameter() for w in operands if isinstance(w, Weight) and w.dtype.startswith(WEIGHTS)
        ]
        parameters += [w.parameter(trainable=False) for w in frozen if w is not None]
        outputs = self.emit(
            NodeRequest(
                operation.quantized(self.quantized),
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


WEIGHTS = ("float", "bfloat", "int8", "uint8", "int32")
"""Types that weights come in, quantised ones and their biases included; int64 holds shapes."""

Handler = Callable[[Call], Value | list[Value] | None]
"""Adds the nodes of one ONNX node; None for what it cannot express exactly."""
