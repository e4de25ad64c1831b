"""A small ONNX network with an RMS norm and a gated unit, whose weights tests transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from support.weight_networks import Values, model


def gated_values(seed: int = 0, width: int = 8, inner: int = 12) -> Values:
    """Weights of ``gated``; ``both`` is the gate and the value as one weight."""
    r = np.random.default_rng(seed)
    return {
        "embed.w": r.standard_normal((6, width)) / 2,
        "rms.g": r.uniform(0.5, 1.5, width),
        "gate.w": r.standard_normal((width, inner)) / 3,
        "value.w": r.standard_normal((width, inner)) / 3,
        "down.w": r.standard_normal((inner, width)) / 3,
        "head.w": r.standard_normal((width, 7)) / 3,
    }


def gated(
    values: Values, *, function: str = "Sigmoid", fused: str = "", other: str = "Identity"
) -> Any:
    """A norm by the root mean square, and a gated unit behind a shortcut.

    ``fused``: one weight, ``gate first`` or ``value first``.
    """
    node = helper.make_node
    constants = {"eps": np.float32(1e-5), "axis": np.array([-1])}
    if fused:
        order = ["gate", "value"] if fused == "gate first" else ["value", "gate"]
        both = np.concatenate([np.asarray(values[f"{n}.w"]) for n in order], axis=1)
        values = {**values, "both.w": both}
        parts = [
            node("MatMul", ["n3", "both.w"], ["b"], "both"),
            node("Split", ["b"], [f"{n}_t" for n in order], "split", axis=-1),
        ]
    else:
        parts = [node("MatMul", ["n3", f"{n}.w"], [f"{n}_t"], n) for n in ("gate", "value")]
    nodes = [
        node("MatMul", ["x", "embed.w"], ["t"], "embed"),
        node("Mul", ["t", "t"], ["t2"]),
        node("ReduceMean", ["t2"], ["m"], axes=[-1], keepdims=1),
        node("Add", ["m", "eps"], ["m2"]),
        node("Sqrt", ["m2"], ["d"]),
        node("Div", ["t", "d"], ["n2"]),
        node("Mul", ["n2", "rms.g"], ["n3"], "rms"),
        *parts,
        node(function, ["gate_t"], ["gate_s"], "sigmoid"),
        node(other, ["value_t"], ["value_s"], "tanh"),
        node("Mul", ["gate_s", "value_s"], ["p"], "product"),
        node("MatMul", ["p", "down.w"], ["q"], "down"),
        node("Add", ["t", "q"], ["u"], "add"),
        node("ReduceMean", ["u"], ["z"], "tokens", axes=[1], keepdims=0),
        node("Gemm", ["z", "head.w"], ["y"], "head"),
    ]
    return model(nodes, values, (1, 5, 6), constants)
