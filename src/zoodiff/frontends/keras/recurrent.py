"""Converts Keras's LSTM, GRU and SimpleRNN layers, alone or in ``Bidirectional``.

Layers with masks, with initial states, with their states as outputs, or that keep their states stay
opaque.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras.attention import is_masked
from zoodiff.frontends.keras.call import Call, Handler, Shape, Weight
from zoodiff.frontends.operations import Cut, Operation, Recurrence
from zoodiff.frontends.operations.recurrent import (
    Cell,
    Direction,
    last_state,
    with_joined_directions,
)

_CELLS: dict[str, Cell] = {"GRU": "GRU", "LSTM": "LSTM", "SimpleRNN": "RNN"}
_GATES = {"GRU": "zrh", "LSTM": "ifco", "RNN": "i"}
_FUNCTIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def _layer(call: Call) -> str | None:
    direction: Direction = "reverse" if call.operation.go_backwards else "forward"
    return _converted(call, [call.operation], direction)


def _bidirectional(call: Call) -> str | None:
    """Convert two layers whose results are joined; other ways to merge them stay opaque."""
    forward, backward = call.operation.forward_layer, call.operation.backward_layer
    opposed = not forward.go_backwards and backward.go_backwards
    if call.operation.merge_mode != "concat" or not opposed or type(forward) is not type(backward):
        return None
    return _converted(call, [forward, backward], "bidirectional")


def _converted(call: Call, layers: Sequence[Any], direction: Direction) -> str | None:
    kinds = [_recurrence(layer, direction) for layer in layers]
    kind, sequences = kinds[0], layers[0].return_sequences
    if kind is None or any(each != kind for each in kinds[1:]) or not _plain(call):
        return None
    _, steps, features = call.inputs[0].shape
    if steps < 1 or any(len(layer.cell.kernel.shape) != 2 for layer in layers):
        return None
    weights = [
        Weight(variable, role, f"{axes}:{_GATES[kind.op]}")
        for layer in layers
        for variable, role, axes in _weights(layer)
    ]
    data = (steps, 1, features)
    extents = (steps, *kind.states_shape(data))

    def add(operation: Operation, inputs: Sequence[str], shape: Shape, step: str) -> str:
        return call.emit(operation, inputs=inputs, shape=shape, step=step)

    turned = add(operations.transpose((1, 0, 2)), [call.inputs[0].name], data, "time_first")
    sequence = call.emit(
        kind.operation,
        inputs=[turned],
        shape=extents,
        variables=weights,
    )
    if not sequences:
        state = last_state(add, sequence, extents, direction)
        states = kind.states_shape(data)
        beside = (states[1], states[0], states[2])
        moved = add(operations.transpose((1, 0, 2)), [state], beside, "beside")
        return add(operations.reshape(call.shapes[0]), [moved], call.shapes[0], "output")
    output = with_joined_directions(add, sequence, extents, batch_first=True)
    if direction != "reverse":
        return output
    # Read backwards, and returned in the order in which it was read.
    return add(operations.sliced([Cut(1, -1, -steps - 1, -1)]), [output], call.shapes[0], "output")


def _plain(call: Call) -> bool:
    """Whether a layer reads one sequence without a mask, and returns no states."""
    layer = call.operation
    given = [value for value in (*call.args[1:], call.kwargs.get("mask")) if value is not None]
    given += [call.kwargs["initial_state"]] if call.kwargs.get("initial_state") is not None else []
    single = len(call.inputs) == 1 and len(call.shapes) == 1 and call.rank == 3
    masks = any(not isinstance(value, bool) for value in given)
    return single and not masks and not layer.stateful and not is_masked(layer)


def _recurrence(layer: Any, direction: Direction) -> Recurrence | None:
    """Return what a layer is; None for another class, or for functions that are not known."""
    kind = type(layer)
    op = _CELLS.get(kind.__name__)
    if op is None or kind.__module__.partition(".")[0] != "keras":
        return None
    cell = layer.cell
    gates, inner = getattr(cell, "recurrent_activation", None), cell.activation
    functions = {"GRU": [gates, inner], "LSTM": [gates, inner, inner], "RNN": [inner]}[op]
    names = [_FUNCTIONS.get(str(getattr(f, "__name__", "")), "") for f in functions]
    if not all(names) or not cell.built:
        return None
    return Recurrence(
        op,
        int(cell.units),
        bool(cell.use_bias),
        direction,
        tuple(names),
        linear_before_reset=op == "GRU" and bool(cell.reset_after),
    )


def _weights(layer: Any) -> list[tuple[Any, str, str]]:
    """Return the variables of a layer with their roles and axes."""
    cell = layer.cell
    weights = [(cell.kernel, "weight", "IO"), (cell.recurrent_kernel, "recurrence", "IO")]
    if cell.use_bias:
        weights.append((cell.bias, "bias", "2O" if len(cell.bias.shape) == 2 else "O"))
    return weights


HANDLERS: dict[str, Handler] = {
    "Bidirectional": _bidirectional,
    **dict.fromkeys(_CELLS, _layer),
}
