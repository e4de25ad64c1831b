"""Converts ATen's recurrent layers: one node per layer, with both of its directions.

Weights, gates and equations are those of ``torch.nn.LSTM``, ``GRU`` and ``RNN``
(https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Cut, Operation, Recurrence
from zoodiff.frontends.operations.recurrent import (
    CELL_STATE,
    Cell,
    last_state,
    with_joined_directions,
)
from zoodiff.frontends.torch.call import Call, Constant, Handler, Shape, Value
from zoodiff.graph.ir import Parameter

_GATES = {"GRU": "rzh", "LSTM": "ifco", "RNN": "i"}


@dataclass(frozen=True)
class _Arguments:
    """The arguments of a call without those that inference ignores."""

    data: Value
    states: tuple[Any, ...]
    weights: Sequence[Parameter]
    bias: bool
    layers: int
    bidirectional: bool
    batch_first: bool

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def of_direction(self, number: int) -> Sequence[Parameter]:
        """Return the weights of a direction of a layer, counted through all layers."""
        count = 4 if self.bias else 2
        return self.weights[number * count : (number + 1) * count]


def _arguments(call: Call) -> _Arguments | None:
    """Return the arguments of a call; None where they have another form or meaning."""
    names = ("has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
    data, states, weights = call.arg(0, "input"), call.arg(1, "hx"), call.arg(2, "params")
    if not call.overload.endswith(".input") or not isinstance(data, Value):
        return None
    bias, layers, dropout, train, bidirectional, batch_first = (
        call.arg(k, name) for k, name in enumerate(names, start=3)
    )
    drops = bool(train) and float(dropout) > 0 and layers > 1
    plain = isinstance(weights, list) and all(isinstance(w, Parameter) for w in weights)
    arguments = _Arguments(
        data,
        tuple(states) if isinstance(states, list) else (states,),
        weights if plain else (),
        bool(bias),
        int(layers),
        bool(bidirectional),
        bool(batch_first),
    )
    count = arguments.layers * arguments.directions * (4 if arguments.bias else 2)
    known = len(data.shape) == 3 and min(data.shape) > 0
    return arguments if plain and known and not drops and len(weights) == count else None


def _recurrent(op: Cell, activations: Sequence[str] = ()) -> Handler:
    """Return the handler of a function; other forms, such as projections, stay opaque."""

    def handler(call: Call) -> list[Value] | None:
        arguments = _arguments(call)
        if arguments is None:
            return None
        hidden = arguments.weights[1].shape[-1]
        if any(w.shape[0] != len(_GATES[op]) * hidden for w in arguments.weights):
            return None
        zero = [_is_zero(state) for state in arguments.states]
        if any(zero) != all(zero):
            return None
        if not all(zero) and not all(isinstance(state, Value) for state in arguments.states):
            return None
        layer = Recurrence(
            op,
            hidden,
            arguments.bias,
            "bidirectional" if arguments.bidirectional else "forward",
            activations,
            linear_before_reset=op == "GRU",
        )
        if all(zero):
            arguments = replace(arguments, states=())
        return _Layers(call, arguments, layer).outputs()

    return handler


def _is_zero(state: object) -> bool:
    known = isinstance(state, Constant) and state.values is not None
    return known and not state.values.any()  # type: ignore[attr-defined]


class _Layers:
    """The layers of one call, one after the other."""

    def __init__(self, call: Call, arguments: _Arguments, layer: Recurrence) -> None:
        self._call, self._arguments, self._layer = call, arguments, layer

    def outputs(self) -> list[Value]:
        """Add all nodes; return the sequence, the last hidden states and, of an LSTM, cells."""
        given, layer = self._arguments, self._layer
        data = given.data
        if given.batch_first:
            shape: Shape = (data.shape[1], data.shape[0], data.shape[2])
            turn = operations.transpose((1, 0, 2))
            data = self._add(turn, [data], shape, "time_first")
        read = [*self._call.read, True, True, True]
        hidden, cells, output = [], [], data
        for number in range(given.layers):
            step = "" if given.layers == 1 else f"layer{number}"
            sequence, cell, shape = self._one(data, number, step, cell=bool(read[2]))
            last = number == given.layers - 1
            if read[1]:
                hidden.append(last_state(self._add, sequence, shape, layer.direction, f"{step}h"))
            if cell is not None:
                cells.append(cell)
            output = data = with_joined_directions(
                self._stepped(step), sequence, shape, batch_first=last and given.batch_first
            )
        states = [self._joined(parts, name) for parts, name in ((hidden, "h"), (cells, "c"))]
        count = len(self._call.outputs)
        # What nothing reads is not computed; any value stands for it.
        return [output, *(output if state is None else state for state in states)][:count]

    def _one(
        self, data: Value, number: int, step: str, *, cell: bool
    ) -> tuple[Value, Value | None, Shape]:
        """Add one layer; return its sequence, its last cell, and the shape of the sequence."""
        layer, given = self._layer, self._arguments
        states_shape = layer.states_shape(data.shape)
        first = number * layer.directions
        shape = (data.shape[0], *states_shape)
        weights = [
            replace(weight, role=role, layout=f"{'OI' if len(weight.shape) == 2 else 'O'}:{gates}")
            for k in range(layer.directions)
            for weight, role in zip(
                given.of_direction(first + k),
                ("weight", "recurrence", "bias", "recurrent_bias"),
                strict=False,
            )
            for gates in [_GATES[layer.op]]
        ]
        states = [
            state
            if given.layers == 1
            else self._add(
                operations.sliced([Cut(0, first, first + layer.directions)]),
                [state],
                states_shape,
                f"{step}/state{k}",
            )
            for k, state in enumerate(given.states)
        ]
        several = cell and layer.op == "LSTM"
        shapes = [shape, states_shape] if several else [shape]
        results = self._call.nodes(
            layer.operation, shapes, inputs=[data, *states, *weights], step=step
        )
        if not several:
            return results[0], None, shape
        passed = self._add(CELL_STATE, [results[1]], states_shape, f"{step}c")
        return results[0], passed, shape

    def _joined(self, parts: Sequence[Value], name: str) -> Value | None:
        """Join the states of all layers; None where nothing reads them."""
        if len(parts) < 2:
            return parts[0] if parts else None
        shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
        return self._add(operations.concat(0), parts, shape, name)

    def _add(self, operation: Operation, inputs: Sequence[Value], shape: Shape, step: str) -> Value:
        return self._call.node(operation, inputs=inputs, shape=shape, step=step)

    def _stepped(self, prefix: str) -> Any:
        def add(operation: Operation, inputs: Sequence[Value], shape: Shape, step: str) -> Value:
            return self._add(operation, inputs, shape, f"{prefix}{step}")

        return add


HANDLERS: dict[str, Handler] = {
    "gru": _recurrent("GRU"),
    "lstm": _recurrent("LSTM"),
    "rnn_relu": _recurrent("RNN", ["Relu"]),
    "rnn_tanh": _recurrent("RNN"),
}
