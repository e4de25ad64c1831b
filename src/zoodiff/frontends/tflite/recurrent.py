"""Converts TFLite's fused recurrent operators to recurrent layers.

Their kernels are stored per gate. Coupled gates, peepholes, projections, norms of gates, limits of
states, auxiliary inputs, computed or integer weights, and states that do not begin with zeros stay
opaque. Semantics: tensorflow/lite/kernels/unidirectional_sequence_lstm.cc and its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoodiff.frontends.operations import Operation, Recurrence, transpose
from zoodiff.frontends.operations.recurrent import Direction, Shape, with_joined_directions
from zoodiff.frontends.tflite.builder import Builder, Value
from zoodiff.frontends.tflite.operands import Handler
from zoodiff.frontends.tflite.reader import FileOperator
from zoodiff.graph.ir import Parameter

_GATES = "ifco"
"""The order of the operands of a kernel."""
_FUNCTIONS = {1: "Relu", 4: "Tanh"}
"""Activations by their value of ``ActivationFunctionType`` in the schema."""


@dataclass(frozen=True)
class _Places:
    """The operands of one direction: first of kernels, biases, states, and what must be absent."""

    weight: int
    recurrence: int
    bias: int
    states: tuple[int, ...]
    absent: tuple[int, ...]
    gates: str = _GATES


_LSTM = _Places(1, 5, 12, (18, 19), (*range(9, 12), 16, 17, *range(20, 24)))
_BOTH_LSTM = (
    _Places(1, 5, 12, (35, 36), (9, 10, 11, 16, 17)),
    _Places(18, 22, 29, (37, 38), (26, 27, 28, 33, 34, *range(39, 48))),
)
_RNN = _Places(1, 2, 3, (4,), (), "i")


def _lstm(builder: Builder, operator: FileOperator) -> bool:
    return _converted(builder, operator, [_LSTM])


def _both_lstm(builder: Builder, operator: FileOperator) -> bool:
    if not operator.options.get("MergeOutputs") or len(operator.outputs) != 1:
        return False
    return _converted(builder, operator, _BOTH_LSTM)


def _rnn(builder: Builder, operator: FileOperator) -> bool:
    return _converted(builder, operator, [_RNN])


def _converted(builder: Builder, operator: FileOperator, places: Sequence[_Places]) -> bool:
    """Add a recurrent layer, with the movements of data whose batch comes first."""
    data, options = builder.value(operator.inputs[0]), operator.options
    function = _FUNCTIONS.get(int(options.get("FusedActivationFunction", 0)))
    special = ("CellClip", "ProjClip", "AsymmetricQuantizeInputs", "DiagonalRecurrentTensors")
    if data is None or len(data.shape) != 3 or data.quantized or function is None:
        return False
    if any(options.get(name) for name in special) or not all(
        _plain(builder, operator, each) for each in places
    ):
        return False
    weights = [p for each in places for p in _weights(builder, operator, each)]
    hidden, kernels = weights[0].shape[0], places[0].gates
    if not _fits(weights, hidden, data.shape[2], operator, builder):
        return False
    direction: Direction = "bidirectional" if len(places) > 1 else "forward"
    functions = ("Sigmoid", function, function) if kernels == _GATES else (function,)
    layer = Recurrence("LSTM" if kernels == _GATES else "RNN", hidden, True, direction, functions)
    _add(builder, operator, data, layer, weights)
    return True


def _plain(builder: Builder, operator: FileOperator, places: _Places) -> bool:
    """Whether one direction has all kernels and biases, as real numbers, and nothing more."""
    read = dict(enumerate(operator.inputs))
    count = len(places.gates)
    starts = (places.weight, places.recurrence, places.bias)
    needed = [read.get(start + k, -1) for start in starts for k in range(count)]
    if any(index < 0 or not builder.fixed(index) for index in needed):
        return False
    if any(builder.origin(index).dtype != "float32" for index in needed):
        return False
    states = [read.get(place, -1) for place in places.states]
    if any(index < 0 or not builder.tensor(index).variable for index in states):
        return False
    return all(read.get(place, -1) < 0 for place in places.absent)


def _weights(builder: Builder, operator: FileOperator, places: _Places) -> list[Parameter]:
    """Return kernels and biases of one direction with their roles, axes and gates."""
    return [
        replace(builder.parameter(operator.inputs[start + k]), role=role, layout=f"{axes}:{gate}")
        for start, role, axes in (
            (places.weight, "weight", "OI"),
            (places.recurrence, "recurrence", "OI"),
            (places.bias, "bias", "O"),
        )
        for k, gate in enumerate(places.gates)
    ]


def _fits(
    weights: Sequence[Parameter],
    hidden: int,
    features: int,
    operator: FileOperator,
    builder: Builder,
) -> bool:
    """Whether all kernels have one number of rows, and the result has the shape of theirs."""
    expected = {
        "weight": (hidden, features),
        "recurrence": (hidden, hidden),
        "bias": (hidden,),
    }
    if len({p.name for p in weights}) != len(weights):
        return False  # one tensor for two gates
    both = 2 if len(weights) > 3 * len(_GATES) else 1
    shape = builder.tensor(operator.outputs[0]).shape
    given = builder.tensor(operator.inputs[0]).shape
    return all(p.shape == expected[p.role] for p in weights) and shape == (
        *given[:2],
        both * hidden,
    )


def _add(
    builder: Builder,
    operator: FileOperator,
    data: Value,
    layer: Recurrence,
    weights: Sequence[Parameter],
) -> None:
    output = builder.tensor(operator.outputs[0])
    batch_first = not operator.options.get("TimeMajor")

    def add(operation: Operation, inputs: Sequence[str], shape: Shape, step: str) -> str:
        return builder.step(operation, f"{output.name}/{step}", inputs, shape, output.dtype)

    source = builder.last(data)
    first, second, features = data.shape
    steps_first = (second, first, features) if batch_first else data.shape
    if batch_first:
        source = add(transpose((1, 0, 2)), [source], steps_first, "time_first")
    shape = (steps_first[0], *layer.states_shape(steps_first))
    sequence = builder.step(layer.operation, output.name, [source], shape, output.dtype, weights)
    builder.bind(
        output.index,
        last=with_joined_directions(add, sequence, shape, batch_first=batch_first),
    )


HANDLERS: dict[str, Handler] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": _both_lstm,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
}
"""The handlers of these operators."""
