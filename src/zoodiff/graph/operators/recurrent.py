"""Recurrent layers: one node runs a whole sequence, in one direction or in both.

Data is (steps, batch, features), as in ONNX; frontends add the movements of other layouts. The
result is (steps, directions, batch, hidden). What a framework returns as the last hidden state is
a part of it, and slices say which.
"""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

_DATA = Operand("data", "(steps, batch, features)")
_HIDDEN = Operand(
    "hidden", "the initial hidden state, (directions, batch, hidden); zero if absent", optional=True
)
_WEIGHTS = (
    Operand(
        "weight",
        "kernel of the data per direction, (gates * hidden, features); see ``Parameter.layout``",
        role="weight",
    ),
    Operand(
        "recurrence",
        "kernel of the hidden state per direction, (gates * hidden, hidden)",
        role="recurrence",
    ),
    Operand("bias", "a number per row of the kernels", role="bias", flag="bias"),
    Operand(
        "recurrent_bias",
        "a second bias, which is added to the product with the hidden state",
        role="recurrent_bias",
        flag="bias",
        optional=True,
    ),
)


def _attributes(activations: str) -> tuple[Attribute, ...]:
    return (
        Attribute("hidden_size", Kind.WHOLE, "features of the hidden state", required=True),
        Attribute("bias", Kind.FLAG, "whether there are biases", default=False),
        Attribute(
            "direction",
            Kind.TEXT,
            "the order in which steps are read",
            default="forward",
            choices=("forward", "reverse", "bidirectional"),
        ),
        Attribute(
            "activations",
            Kind.TEXT,
            "the functions of a cell, in ONNX's order, with commas between them",
            default=activations,
        ),
    )


SCHEMAS = (
    OperatorSchema(
        "GRU",
        "recurrent",
        "A gated recurrent unit, h = (1 - z) * g(...) + z * h; gates in the order z, r, h.",
        (_DATA, _HIDDEN, *_WEIGHTS),
        (
            *_attributes("Sigmoid,Tanh"),
            Attribute(
                "linear_before_reset",
                Kind.FLAG,
                "the reset gate multiplies the product with the hidden state, its bias included; "
                "false: the hidden state before the product",
                default=False,
            ),
        ),
    ),
    OperatorSchema(
        "LSTM",
        "recurrent",
        "A long short-term memory, c = f * c + i * g(...), h = o * h(c); gates in the order i, o, "
        "f, c. A second result is the last c, (directions, batch, hidden).",
        (
            _DATA,
            _HIDDEN,
            Operand("cell", "the initial c, shaped as the hidden state", optional=True),
            *_WEIGHTS,
        ),
        _attributes("Sigmoid,Tanh,Tanh"),
    ),
    OperatorSchema(
        "RNN",
        "recurrent",
        "A recurrent layer without gates, h = f(W x + R h + biases).",
        (_DATA, _HIDDEN, *_WEIGHTS),
        _attributes("Tanh"),
    ),
    OperatorSchema(
        "CellState",
        "movement",
        "The second result of an LSTM, passed on.",
        (Operand("data", "the last c of an LSTM"),),
    ),
)
