"""One call of an ATen function, with the methods that its handler uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Operation
from zoodiff.graph.ir import Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A computed tensor."""

    name: str
    shape: Shape
    dtype: str = "float32"
    of_weights: bool = False
    """Whether it depends on weights and constants alone."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that is neither a weight nor computed from the input, such as an index table.

    ``values`` are set where they are known, and small.
    """

    name: str
    shape: Shape = ()
    values: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class NodeRequest:
    """A node that a handler adds, with one output per shape."""

    operation: Operation
    inputs: Sequence[Value]
    shapes: Sequence[Shape]
    parameters: Sequence[Parameter]
    step: str = ""
    """The part of the node's name that distinguishes the nodes of one call."""
    matrices: LinearOrder | None = None


@dataclass(frozen=True)
class Call:
    """One call of an ATen function; in-place functions have the name of the other variant."""

    function: str
    overload: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Shape, ...]
    emit: Callable[[NodeRequest], list[Value]]
    afford: Callable[[int], bool] = lambda count: False
    """Whether a table of so many indices may be written into the graph; those written add up."""
    dtype: str = "float32"
    """The number type of the first output."""
    read: tuple[bool, ...] = (True,)
    """For each output, whether anything reads it."""

    def arg(self, position: int, name: str, default: object = None) -> Any:
        """Return an argument by position or name, or ``default`` where it was left out."""
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
        """Add a node with one output and return it; inputs default to all tensor arguments."""
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
        """Add a node with one output per shape and return the outputs."""
        operands = self.tensors if inputs is None else inputs
        owned = {p.name: p for p in operands if isinstance(p, Parameter)}
        values = [value for value in operands if isinstance(value, Value)]
        return self.emit(
            NodeRequest(operation, values, shapes, list(owned.values()), step, matrices)
        )

    @property
    def tensors(self) -> list[Any]:
        """The tensors and weights among the arguments, in order, including those in lists."""
        tensors: list[Any] = []
        for argument in [*self.args, *self.kwargs.values()]:
            for item in argument if isinstance(argument, list) else [argument]:
                if isinstance(item, Value | Parameter):
                    tensors.append(item)
        return tensors


Handler = Callable[[Call], Any]


def weights(*candidates: object) -> list[Any]:
    """Return the candidates that are not None: a function's optional arguments may be omitted."""
    return [c for c in candidates if c is not None]
