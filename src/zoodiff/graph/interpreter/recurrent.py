"""Recurrent layers, step by step (ONNX's equations of ``LSTM``, ``GRU`` and ``RNN``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler
from zoodiff.graph.recurrent import Direction, directions

Function = Callable[[Array], Array]


def _sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x)))


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


FUNCTIONS: dict[str, Function] = {"Relu": _relu, "Sigmoid": _sigmoid, "Tanh": np.tanh}
"""The functions that a cell may have, by ONNX's names."""


@dataclass
class _Cell:
    """One direction: its weights, functions and state (batch, hidden), which steps replace."""

    weights: Direction
    functions: Sequence[Function]
    hidden: Array
    cell: Array
    linear_before_reset: bool = False

    def lstm(self, data: Array) -> None:
        gates, inner, outer = self.functions
        i, o, f, c = np.split(data + self.hidden @ self.weights.recurrence.T, 4, axis=-1)
        self.cell = gates(f) * self.cell + gates(i) * inner(c)
        self.hidden = gates(o) * outer(self.cell)

    def gru(self, data: Array) -> None:
        gates, inner = self.functions
        size = self.hidden.shape[-1]
        kernel, last = self.weights.recurrence[: 2 * size], self.weights.recurrence[2 * size :]
        z, r = np.split(gates(data[:, : 2 * size] + self.hidden @ kernel.T), 2, axis=-1)
        if self.linear_before_reset:
            product = self.hidden @ last.T
            if self.weights.inner_bias is not None:
                product = product + self.weights.inner_bias
            candidate = inner(data[:, 2 * size :] + r * product)
        else:
            candidate = inner(data[:, 2 * size :] + (r * self.hidden) @ last.T)
        self.hidden = (1 - z) * candidate + z * self.hidden

    def rnn(self, data: Array) -> None:
        (function,) = self.functions
        self.hidden = function(data + self.hidden @ self.weights.recurrence.T)


_STEPS: dict[str, Callable[[_Cell, Array], None]] = {
    "GRU": _Cell.gru,
    "LSTM": _Cell.lstm,
    "RNN": _Cell.rnn,
}


def _recurrent(call: Call) -> Array | list[Array]:
    """Return the sequence of hidden states, (steps, directions, batch, hidden), and the last cell.

    The states of the backward direction stand at the step that they were computed from.
    """
    a, op = call.attributes, call.node.op
    functions = [FUNCTIONS[name] for name in str(a["activations"]).split(",")]
    count = {"GRU": 2, "LSTM": 3, "RNN": 1}[op]
    if len(functions) != count:
        raise ValueError(f"it has {len(functions)} activations, not {count}")
    each = directions(op, a, call.roles, call.parameters)
    steps, batch, _ = call.data.shape
    shape = (len(each), batch, int(a["hidden_size"]))
    states = [*call.inputs[1:], *[np.zeros(shape, call.data.dtype)] * (3 - len(call.inputs))]
    result = np.empty((steps, *shape), call.data.dtype)
    cells = []
    for k, weights in enumerate(each):
        reset = bool(a.get("linear_before_reset"))
        hidden, last = (np.reshape(state, shape)[k] for state in states[:2])
        cell = _Cell(weights, functions, hidden, last, reset)
        products = call.data @ weights.weight.T + weights.bias
        backward = a["direction"] == "reverse" or k == 1
        for step in range(steps)[::-1] if backward else range(steps):
            _STEPS[op](cell, products[step])
            result[step, k] = cell.hidden
        cells.append(cell.cell)
    return [result, np.stack(cells)] if len(call.node.outputs) > 1 else result


def supported(node: Any) -> bool:
    """Whether every activation of a recurrent layer is known, and both states or none are given."""
    names = str(node.attributes.get("activations") or "Tanh").split(",")
    states = len(node.inputs) - 1
    return set(names) <= set(FUNCTIONS) and states in ({0, 2} if node.op == "LSTM" else {0, 1})


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_STEPS, _recurrent),
    "CellState": lambda call: call.data,
}
SUPPORTED: dict[str, Callable[[Any], bool]] = dict.fromkeys(_STEPS, supported)
