"""One call of an ATen function, and what its handler does with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
class Constant:
    """A tensor that is neither a weight nor computed from the input: an index table, a mask."""

    name: str
    shape: Shape = ()


@dataclass(frozen=True)
class NodeRequest:
    """A node that a handler wants added, with one output for each shape."""

    operation: Operation
    inputs: Sequence[Value]
    shapes: Sequence[Shape]
    parameters: Sequence[Parameter]
    step: str = ""
    """Tells the nodes of one call apart."""
    matrices: LinearOrder | None = None


@dataclass(frozen=True)
class Call:
    """One call of an ATen function, with in-place variants already replaced."""

    function: str
    overload: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Shape, ...]
    emit: Callable[[NodeRequest], list[Value]]

    def arg(self, position: int, name: str, default: object = None) -> Any:
        """An argument by position or name, ATen's default where it was left out."""
        if position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name, default)

    def node(
        self,
        operation: Operation,
        *,
        inputs: Sequence[Any] | None = None,
        shape: Shape | None = None,
        step: str = "",
        matrices: LinearOrder | None = None,
    ) -> Value:
        """Add a node with one output; inputs default to every tensor among the arguments."""
        shapes = [self.outputs[0] if shape is None else shape]
        return self.nodes(operation, shapes, inputs=inputs, step=step, matrices=matrices)[0]

    def nodes(
        self,
        operation: Operation,
        shapes: Sequence[Shape],
        *,
        inputs: Sequence[Any] | None = None,
        step: str = "",
        matrices: LinearOrder | None = None,
    ) -> list[Value]:
        """Add a node with an output for each shape."""
        operands = self.tensors if inputs is None else inputs
        owned = {p.name: p for p in operands if isinstance(p, Parameter)}
        values = [value for value in operands if isinstance(value, Value)]
        return self.emit(
            NodeRequest(operation, values, shapes, list(owned.values()), step, matrices)
        )

    @property
    def tensors(self) -> list[Any]:
        """Tensors and weights among the arguments, in order, lists opened."""
        tensors: list[Any] = []
        for argument in [*self.args, *self.kwargs.values()]:
            for item in argument if isinstance(argument, list) else [argument]:
                if isinstance(item, Value | Parameter):
                    tensors.append(item)
        return tensors


Handler = Callable[[Call], Any]


def weights(*candidates: object) -> list[Any]:
    """The tensors that are there, of those that a function may leave out."""
    return [c for c in candidates if c is not None]
