"""Converts ONNX's recurrent layers (https://onnx.ai/onnx/operators/onnx__LSTM.html).

Peepholes, lengths of sequences, clipping, coupled gates and initial states that are constants other
than zero stay opaque.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Call, Handler, NodeRequest, Shape, Value, Weight
from zoodiff.frontends.onnx.opaque.kept import add_opaque
from zoodiff.frontends.operations import Operation, Recurrence
from zoodiff.frontends.operations.recurrent import CELL_STATE, Cell, Direction, last_state
from zoodiff.graph.ir import Parameter
from zoodiff.graph.operators import OPERATORS
from zoodiff.graph.recurrent import GATES

_FIRST = 7
"""The opset from which on the operators have their present form."""
_KNOWN = frozenset({"Relu", "Sigmoid", "Tanh"})
"""Functions without settings of their own."""


def _recurrent(op: Cell) -> Handler:
    def handler(call: Call) -> Value | list[Value]:
        layer = _layer(call, op)
        states = _states(call)
        if layer is None or states is None:
            return add_opaque(call, exact=True)
        return _Nodes(call, layer, states).outputs()

    return handler


def _layer(call: Call, op: Cell) -> Recurrence | None:
    """Return the layer that a node is; None for a form that has no canonical one."""
    a = call.attributes
    direction = str(a.get("direction", "forward"))
    weights = [call.weight(1), call.weight(2), call.weight(3)]
    biased = call.given(3) is not None
    needed = weights if biased else weights[:2]
    hidden = weights[1].shape[-1] if weights[1] is not None and weights[1].shape else 0
    if call.opset < _FIRST or call.unranked or any(call.given(k) is not None for k in (4, 7)):
        return None
    if any(w is None or not _is_real(w) or not _axes(w, "DOI") for w in needed):
        return None
    if direction not in {"forward", "reverse", "bidirectional"}:
        return None
    layer = Recurrence(
        op,
        hidden,
        biased,
        cast("Direction", direction),
        linear_before_reset=bool(a.get("linear_before_reset", 0)),
    )
    functions = _functions(a.get("activations"), layer)
    data = call.data.shape
    if (
        functions is None
        or len(data) != 3
        or min(data) < 1
        or a.get("hidden_size", hidden) != hidden
    ):
        return None
    rows = len(GATES[op]) * hidden
    shapes: list[Shape] = [
        (layer.directions, rows, data[2]),
        (layer.directions, rows, hidden),
        (layer.directions, 2 * rows),
    ]
    fits = all(w.shape == shape for w, shape in zip(needed, shapes, strict=False) if w is not None)
    return replace(layer, activations=functions) if fits else None


def _is_real(weight: Weight) -> bool:
    """Whether a weight holds real numbers that the file stores."""
    kept = not weight.of_shape and not weight.computed_by
    return kept and weight.dtype.startswith(("float", "bfloat"))


def _axes(weight: Weight, letters: str) -> str:
    """Return the letters of the axes of a stored weight; empty for one in another order.

    The axis of one direction may have been added to what the file stores.
    """
    if weight.stored is None or weight.stored == weight.shape:
        return letters if weight.axes in (None, tuple(range(len(weight.shape)))) else ""
    added = (1, *weight.stored) == weight.shape
    return letters[1:] if added and weight.axes == tuple(range(1, len(weight.shape))) else ""


def _functions(given: Any, layer: Recurrence) -> list[str] | None:
    """Return the functions of a cell; None where they are unknown or directions have others."""
    usual = str(OPERATORS[layer.op].defaults["activations"]).split(",")
    names = {name.lower(): name for name in _KNOWN}
    functions = [names.get(str(name).lower(), "") for name in given or usual * layer.directions]
    count = len(usual)
    same = functions == functions[:count] * layer.directions
    return functions[:count] if same and all(functions) and len(functions) >= count else None


def _states(call: Call) -> list[Value] | None:
    """Return the initial states that are computed; none where all are zero, None for others."""
    given = [call.given(5), call.given(6)] if call.op == "LSTM" else [call.given(5)]
    if all(state is None or _is_zero(state) for state in given):
        return []
    computed = [state for state in given if isinstance(state, Value)]
    return computed if len(computed) == len(given) else None


def _is_zero(state: Value | Weight) -> bool:
    known = isinstance(state, Weight) and state.array is not None
    return known and not state.array.any()  # type: ignore[union-attr]


class _Nodes:
    """The nodes of one call."""

    def __init__(self, call: Call, layer: Recurrence, states: Sequence[Value]) -> None:
        self._call, self._layer = call, layer
        self._batch_first = bool(call.attributes.get("layout", 0))
        self._data = call.data
        self._states = list(states)
        if self._batch_first:
            self._data = self._turned(self._data, "time_first")
            self._states = [
                self._turned(state, f"state{k}") for k, state in enumerate(self._states)
            ]

    def outputs(self) -> list[Value]:
        """Add all nodes and return the outputs of the call that have names, in order."""
        call, layer = self._call, self._layer
        states_shape = layer.states_shape(self._data.shape)
        shape = (self._data.shape[0], *states_shape)
        names = [k for k, letter in enumerate(call.results) if letter != "-"]
        wanted = [k for k, letter in enumerate(call.results) if letter == "x"]
        cell = 2 in wanted
        alone = wanted == [0] and not self._batch_first
        results = call.emit(
            NodeRequest(
                layer.operation,
                [self._data, *self._states],
                self._weights(),
                shapes=[shape, states_shape] if cell else [shape],
                last=alone,
            )
        )
        values: dict[int, Value] = {0: results[0]}
        place = {output: position for position, output in enumerate(names)}
        if 0 in wanted and not alone:
            values[0] = self._ended(results[0], shape, place[0], (2, 0, 1, 3))
        if 1 in wanted:
            last = last_state(self._add, results[0], shape, layer.direction)
            values[1] = self._ended(last, states_shape, place[1], (1, 0, 2))
        if cell:
            passed = self._add(CELL_STATE, [results[1]], states_shape, "cell")
            values[2] = self._ended(passed, states_shape, place[2], (1, 0, 2))
        # What nothing reads is not computed; any value stands for it.
        return [values.get(output, results[0]) for output in names]

    def _ended(self, value: Value, shape: Shape, place: int, order: Shape) -> Value:
        """Return a value as the output of the call at a place among those with names."""
        operation, result = operations.reshape(shape), shape
        if self._batch_first:
            operation = operations.transpose(order)
            result = tuple(shape[axis] for axis in order)
        request = NodeRequest(operation, [value], (), f"output{place}", [result], output=place)
        return self._call.emit(request)[0]

    def _weights(self) -> list[Parameter]:
        gates = GATES[self._layer.op]
        roles = (("weight", "DOI"), ("recurrence", "DOI"), ("bias", "DB"))
        weights = [self._call.weight(k) for k in (1, 2, 3)]
        return [
            replace(weight.parameter(), role=role, layout=f"{_axes(weight, axes)}:{gates}")
            for weight, (role, axes) in zip(weights, roles, strict=True)
            if weight is not None
        ]

    def _turned(self, value: Value, step: str) -> Value:
        first, second, *rest = value.shape
        shape = (second, first, *rest)
        return self._add(operations.transpose((1, 0, 2)), [value], shape, step)

    def _add(self, operation: Operation, inputs: Sequence[Value], shape: Shape, step: str) -> Value:
        request = NodeRequest(operation, inputs, (), step, [shape])
        return self._call.emit(request)[0]


HANDLERS: dict[str, Handler] = {
    "GRU": _recurrent("GRU"),
    "LSTM": _recurrent("LSTM"),
    "RNN": _recurrent("RNN"),
}
