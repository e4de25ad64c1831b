"""One operation of a program, with the methods that its handler uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Operation
from zoodiff.graph.ir import Parameter

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A computed tensor."""

    name: str
    shape: Shape


@dataclass(frozen=True)
class Weight:
    """A parameter, read in its own shape or in another one with the same elements."""

    parameter: Parameter
    shape: Shape

    @property
    def is_plain(self) -> bool:
        """Whether it is read in its own shape."""
        return self.shape == self.parameter.shape


@dataclass(frozen=True)
class Known:
    """Numbers that the program holds; one number stands for all elements if they are equal."""

    shape: Shape
    values: tuple[float, ...]

    @property
    def number(self) -> float | None:
        """The number that all elements are; None if they differ."""
        return self.values[0] if len(set(self.values)) == 1 else None

    @property
    def whole(self) -> list[int]:
        """The elements as whole numbers."""
        every = self.values * prod(self.shape) if len(self.values) == 1 else self.values
        return [int(value) for value in every]


Operand = Value | Weight | Known | list["Value | Weight | Known"] | None


@dataclass(frozen=True)
class NodeRequest:
    """A node that a handler adds, with one output per shape."""

    operation: Operation
    operands: Sequence[Value | Weight]
    shapes: Sequence[Shape]
    step: str = ""
    """The part of the node's name that distinguishes the nodes of one operation."""
    matrices: LinearOrder | None = None


@dataclass(frozen=True)
class Call:
    """One operation; operands have the names that Paddle gives them."""

    kind: str
    operands: Mapping[str, Operand]
    attributes: Mapping[str, Any]
    outputs: tuple[Shape, ...]
    bias: Weight | None
    """What the only reader of the result adds to its channels, if it does nothing else."""
    emit: Callable[[NodeRequest], list[Value]]

    def data(self, name: str = "x") -> Value | None:
        """Return an operand if it is computed."""
        operand = self.operands.get(name)
        return operand if isinstance(operand, Value) else None

    def weight(self, name: str) -> Weight | None:
        """Return an operand if it is a weight in its own shape."""
        operand = self.operands.get(name)
        return operand if isinstance(operand, Weight) and operand.is_plain else None

    def known(self, name: str) -> Known | None:
        """Return an operand if its numbers are known."""
        operand = self.operands.get(name)
        return operand if isinstance(operand, Known) else None

    def real(self, name: str) -> float:
        """Return an attribute as the shortest decimal with its value in single precision."""
        import numpy as np

        return float(str(np.float32(self.attributes[name])))

    def node(
        self,
        operation: Operation,
        operands: Sequence[Value | Weight | None],
        *,
        shape: Shape | None = None,
        step: str = "",
        matrices: LinearOrder | None = None,
    ) -> Value:
        """Add a node with one output and return it; operands that are None are left out."""
        given = [operand for operand in operands if operand is not None]
        shapes = [self.outputs[0] if shape is None else shape]
        return self.emit(NodeRequest(operation, given, shapes, step, matrices))[0]

    def nodes(self, operation: Operation, operands: Sequence[Value | Weight]) -> list[Value]:
        """Add a node with all outputs of the operation and return them."""
        return self.emit(NodeRequest(operation, operands, self.outputs))


Handler = Callable[[Call], Any]
"""Returns the result or a list of results; None where it cannot express the operation exactly."""
