"""Recurrent layers of ONNX files: run by zoodiff, by ONNX's reference and in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoodiff.errors import MeasurementError

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.cost import count  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402
from zoodiff.graph.onnx_export.model import to_model  # noqa: E402
from zoodiff.graph.weights import viewed  # noqa: E402
from zoodiff.zoos.runtime.onnx_weights import weights as file_weights  # noqa: E402

pytestmark = pytest.mark.onnx
STEPS, BATCH, FEATURES, HIDDEN = 5, 2, 3, 4
GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def model(
    op: str,
    *,
    direction: str = "forward",
    outputs: tuple[str, ...] = ("y",),
    states: bool = False,
    bias: bool = True,
    more: dict[str, Any] | None = None,
    **attributes: Any,
) -> Any:
    """A file of one recurrent layer; ``more`` are constants by the name of the operand."""
    random, both = np.random.default_rng(0), 2 if direction == "bidirectional" else 1
    rows = GATES[op] * HIDDEN
    weights = {
        "W": random.standard_normal((both, rows, FEATURES)),
        "R": random.standard_normal((both, rows, HIDDEN)),
        "B": random.standard_normal((both, 2 * rows)),
    }
    operands = ["x", "W", "R", "B" if bias else "", "", "", "", ""]
    for name, (place, array) in (more or {}).items():
        operands[place], weights[name] = name, array
    first = attributes.get("layout") == 1
    feeds = {"x": (BATCH, STEPS, FEATURES) if first else (STEPS, BATCH, FEATURES)}
    if states:
        for k in range(2 if op == "LSTM" else 1):
            operands[5 + k] = f"s{k}"
            feeds[f"s{k}"] = (BATCH, both, HIDDEN) if first else (both, BATCH, HIDDEN)
    while not operands[-1]:
        operands.pop()
    node = helper.make_node(
        op, operands, list(outputs), "memory", hidden_size=HIDDEN, direction=direction, **attributes
    )
    stored = {
        n: np.asarray(a, np.float32 if n != "lengths" else np.int32) for n, a in weights.items()
    }
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in feeds.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs if n],
        [numpy_helper.from_array(a, n) for n, a in stored.items() if n in operands],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def feeds_of(made: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        value.name: random.standard_normal(
            [d.dim_value for d in value.type.tensor_type.shape.dim]
        ).astype(np.float32)
        for value in made.graph.input
    }


def weights_of(made: Any) -> dict[str, Any]:
    return {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("op", "more"),
    [
        ("LSTM", {}),
        ("LSTM", {"states": True, "outputs": ("y", "h", "c")}),
        ("LSTM", {"outputs": ("", "h", "c"), "bias": False}),
        ("GRU", {"linear_before_reset": 1, "states": True, "outputs": ("y", "h")}),
        ("GRU", {"outputs": ("", "h")}),
        ("RNN", {"outputs": ("y", "h")}),
    ],
    ids=["lstm", "lstm-states", "lstm-ends", "gru-after", "gru-before", "rnn"],
)
def test_all_outputs_are_those_of_onnx_runtime(
    op: str, more: dict[str, Any], direction: str
) -> None:
    made = model(op, direction=direction, **more)
    feeds = feeds_of(made)
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, feeds)
    raw = graph_from_model(onnx.ModelProto.FromString(made.SerializeToString()), "test")
    assert [n.op for n in raw.nodes if n.name == "memory"] == [op]
    for graph in (raw, canonical(raw)):
        outputs = evaluate(graph, feeds, weights_of(made))
        for tensor, value in zip(graph.outputs, expected, strict=True):
            np.testing.assert_allclose(outputs[tensor.name], value, rtol=0, atol=2e-6)
    graph = canonical(raw)
    arrays = {
        p.name: viewed(p, weights_of(made)[p.stored]) for n in graph.nodes for p in n.parameters
    }
    written = ort.InferenceSession(
        to_model(graph, arrays, outputs=len(graph.outputs)), providers=["CPUExecutionProvider"]
    )
    renamed = {f"input{k}": feeds[t.name] for k, t in enumerate(graph.inputs)}
    for result, value in zip(written.run(None, renamed), expected, strict=True):
        np.testing.assert_allclose(result, value, rtol=0, atol=2e-6)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_the_batch_first_is_a_movement(op: str) -> None:
    """ONNX Runtime lacks this layout, so ONNX's reference is the oracle."""
    made = model(op, outputs=("y", "h"), layout=1)
    feeds = feeds_of(made)
    expected = ReferenceEvaluator(made).run(None, feeds)
    graph = canonical(graph_from_model(made, "test"))
    outputs = evaluate(graph, feeds, weights_of(made))
    for tensor, value in zip(graph.outputs, expected, strict=True):
        assert outputs[tensor.name].shape == value.shape
        np.testing.assert_allclose(outputs[tensor.name], value, rtol=0, atol=2e-6)


PEEPHOLES = {"P": (7, np.ones((1, 3 * HIDDEN)))}
LENGTHS = {"lengths": (4, [2, 3])}
STARTED = {"h0": (5, np.ones((1, BATCH, HIDDEN)))}


@pytest.mark.parametrize(
    "made",
    [
        lambda: model("LSTM", more=PEEPHOLES),
        lambda: model("GRU", more=LENGTHS),
        lambda: model("RNN", more=STARTED),
        lambda: model("LSTM", clip=0.5),
        lambda: model("LSTM", input_forget=1),
        lambda: model("RNN", activations=["Affine"], activation_alpha=[2.0], activation_beta=[0.5]),
        lambda: model("RNN", direction="bidirectional", activations=["Tanh", "Relu"]),
    ],
    ids=["peepholes", "lengths", "state", "clip", "input_forget", "affine", "two functions"],
)
def test_what_is_not_understood_stays_visible(made: Any) -> None:
    file = made()
    graph = graph_from_model(file, "test")
    (node,) = graph.nodes
    assert node.op == f"onnx::{file.graph.node[0].op_type}"
    assert len(file_weights(file.graph)) == len(node.parameters)
    assert count(graph).macs == 0


def test_states_of_zeros_are_none() -> None:
    zeros = {"h0": (5, np.zeros((1, BATCH, HIDDEN))), "c0": (6, np.zeros((1, BATCH, HIDDEN)))}
    made = model("LSTM", more=zeros)
    assert set(file_weights(made.graph)) == {"W", "R", "B"}
    graph = graph_from_model(made, "test")
    assert [(n.op, len(n.inputs)) for n in graph.nodes] == [("LSTM", 1)]


def test_a_batch_of_images_is_not_a_batch_of_sequences() -> None:
    made = model("RNN")
    graph = canonical(graph_from_model(made, "test"))
    arrays = {
        p.name: viewed(p, weights_of(made)[p.stored]) for n in graph.nodes for p in n.parameters
    }
    with pytest.raises(MeasurementError, match="may mix the images of a batch"):
        to_model(graph, arrays, batch=2)
