"""Writes recurrent layers as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call
from zoodiff.graph.onnx_export.emit import Emit, Handler, Operand, data_of
from zoodiff.graph.recurrent import Direction, directions


def _recurrent(e: Emit, call: Call) -> list[str]:
    a, op = call.attributes, call.node.op
    each = directions(op, a, call.roles, [np.asarray(p) for p in call.parameters])
    kernels = [np.stack([d.weight for d in each]), np.stack([d.recurrence for d in each])]
    operands: list[Operand] = [data_of(call), *kernels, _biases(each)]
    states: Sequence[Operand] = call.inputs[1:]
    more = {"linear_before_reset": 1} if a.get("linear_before_reset") else {}
    results = e.several(
        op,
        *operands,
        *(["", *states] if states else []),
        outputs=3 if op == "LSTM" else 2,
        hidden_size=int(a["hidden_size"]),
        direction=str(a["direction"]),
        activations=str(a["activations"]).split(",") * len(each),
        **more,
    )
    return [results[0], results[2]] if len(call.node.outputs) > 1 else results[:1]


def _biases(each: Sequence[Direction]) -> Array:
    """Return (directions, 2 * gates * hidden): what is added to both products of each gate."""
    rows = []
    for direction in each:
        second = np.zeros_like(direction.bias)
        if direction.inner_bias is not None:
            second[-direction.inner_bias.size :] = direction.inner_bias
        rows.append(np.concatenate([direction.bias, second]))
    return np.stack(rows)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
    "CellState": lambda e, call: e.op("Identity", data_of(call)),
}
