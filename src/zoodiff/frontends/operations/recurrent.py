"""Recurrent layers, and the movements of their states that frameworks do inside their operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from zoodiff.frontends.operations.operation import Operation, without_unset
from zoodiff.frontends.operations.reshaping import Cut, concat, reshape, sliced, transpose
from zoodiff.graph.operators import OPERATORS

Cell = Literal["GRU", "LSTM", "RNN"]
Direction = Literal["forward", "reverse", "bidirectional"]
Value = TypeVar("Value")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Recurrence:
    """A recurrent layer; ``activations`` are ONNX's names, those of the operator if empty."""

    op: Cell
    hidden_size: int
    bias: bool
    direction: Direction = "forward"
    activations: Sequence[str] = ()
    linear_before_reset: bool = False

    @property
    def directions(self) -> int:
        """Number of directions."""
        return 2 if self.direction == "bidirectional" else 1

    def states_shape(self, data: Shape) -> Shape:
        """Return (directions, batch, hidden) for data (steps, batch, features)."""
        return self.directions, data[1], self.hidden_size

    @property
    def operation(self) -> Operation:
        """The operator with its attributes."""
        functions = ",".join(self.activations)
        usual = OPERATORS[self.op].defaults["activations"]
        return Operation(
            self.op,
            {
                "hidden_size": int(self.hidden_size),
                "bias": bool(self.bias),
                **without_unset(
                    direction=self.direction if self.direction != "forward" else None,
                    activations=functions if functions not in {"", usual} else None,
                    linear_before_reset=self.linear_before_reset,
                ),
            },
        )


CELL_STATE = Operation("CellState")


class AddNode(Protocol[Value]):
    """Adds a node with one output and returns it."""

    def __call__(
        self, operation: Operation, inputs: Sequence[Value], shape: Shape, step: str
    ) -> Value:
        """``step`` distinguishes the nodes of one call."""
        ...


def with_joined_directions(
    add: AddNode[Value], sequence: Value, shape: Shape, *, batch_first: bool
) -> Value:
    """Return (steps, batch, directions * hidden), or with the batch first, of a sequence."""
    steps, directions, batch, hidden = shape
    order = (2, 0, 1, 3) if batch_first else (0, 2, 1, 3)
    moved = tuple(shape[axis] for axis in order)
    turned = add(transpose(order), [sequence], moved, "beside")
    first = (batch, steps) if batch_first else (steps, batch)
    joined = (*first, directions * hidden)
    return add(reshape(joined), [turned], joined, "joined")


def last_state(
    add: AddNode[Value], sequence: Value, shape: Shape, direction: Direction, step: str = "last"
) -> Value:
    """Return the hidden state (directions, batch, hidden) that each direction ends with."""
    steps, directions, batch, hidden = shape
    ends = {"forward": [steps - 1], "reverse": [0], "bidirectional": [steps - 1, 0]}[direction]
    state = (1, 1, batch, hidden)
    parts = []
    for k, end in enumerate(ends):
        cuts = [Cut(0, end, end + 1), *([Cut(1, k, k + 1)] if directions > 1 else [])]
        parts.append(add(sliced(cuts), [sequence], state, f"{step}{k}"))
    joined = parts[0]
    if directions > 1:
        joined = add(concat(1), parts, (1, directions, batch, hidden), f"{step}/both")
    states = (directions, batch, hidden)
    return add(reshape(states), [joined], states, step)
