"""Lowered networks in ONNX Runtime against the interpreter, which was tested against PyTorch."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.onnx_export import to_model
from zoodiff.graph.weights import Drawn

ort = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
pytestmark = pytest.mark.onnx

NETWORKS = sorted((Path(__file__).parents[1] / "networks").glob("*.json.gz"))


def in_runtime(model: bytes, image: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input0": image.astype(np.float32)})
    return found


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.name.split(".")[0])
def test_networks(path: Path) -> None:
    graph = canonical(Graph.from_json(gzip.decompress(path.read_bytes()).decode()))
    if unsupported(graph) or len(graph.inputs) != 1:
        pytest.skip("the interpreter cannot run it")
    image = np.random.default_rng(0).standard_normal(graph.inputs[0].shape)
    drawn = Drawn(graph, 0, 0.5)
    (expected, *_) = evaluate(graph, {graph.inputs[0].name: image}, drawn).values()
    found = in_runtime(to_model(graph, drawn.weights), image)
    assert found.shape == expected.shape
    size = np.abs(expected - expected.mean()).max()
    assert np.abs(found - expected).max() / size < 1e-3


def single(op: str, shape: tuple[int, ...], a: dict[str, object], *weights: Parameter) -> Graph:
    tensor, result = Tensor("x", shape), Tensor("y", ())
    node = Node(op, op, ("x",), ("y",), a, weights)  # type: ignore[arg-type]
    return Graph("made", (tensor,), (result,), (node,), {"x": tensor, "y": result})


def weight(role: str, *shape: int) -> Parameter:
    return Parameter(f"{role}{len(shape)}", shape, role=role)


WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2], "dilations": [1, 1]}
IMAGE = (1, 4, 9, 7)
CASES = [
    (
        "Conv",
        IMAGE,
        {**WINDOW, "pads": [0, 1, 1, 2], "bias": True},
        weight("weight", 6, 4, 3, 3),
        weight("bias", 6),
    ),
    ("Conv", IMAGE, {**WINDOW, "pads": [-1, 0, 0, -1]}, weight("weight", 6, 4, 3, 3)),
    ("Conv", IMAGE, {**WINDOW, "pads": [4, 4, 4, 4], "group": 4}, weight("weight", 8, 1, 3, 3)),
    ("Conv", IMAGE, {**WINDOW, "dilations": [2, 2]}, weight("weight", 6, 4, 3, 3)),
    (
        "ConvTranspose",
        IMAGE,
        {**WINDOW, "pads": [1, 1, 1, 1], "output_padding": [1, 0]},
        weight("weight", 4, 5, 3, 3),
    ),
    ("MaxPool", IMAGE, {**WINDOW, "pads": [1, 1, 1, 1], "ceil_mode": True}),
    ("MaxPool", IMAGE, {**WINDOW, "pads": [3, 0, 0, 0]}),
    ("AveragePool", IMAGE, {**WINDOW, "pads": [1, 1, 1, 1], "count_include_pad": True}),
    ("AveragePool", IMAGE, {**WINDOW, "pads": [0, 0, 1, 1], "ceil_mode": True}),
    ("GlobalAveragePool", IMAGE, {}),
    ("GlobalMaxPool", IMAGE, {}),
    ("Gemm", (1, 12), {"bias": True}, weight("weight", 5, 12), weight("bias", 5)),
    ("Gemm", IMAGE, {"axis": 1, "bias": True}, weight("weight", 5, 4), weight("bias", 5)),
    ("Gemm", (1, 6, 12), {"equation": "abc,cd->abd"}, weight("weight", 12, 3)),
    (
        "BatchNormalization",
        IMAGE,
        {"epsilon": 1e-3},
        weight("scale", 4),
        weight("shift", 4),
        weight("mean", 4),
        weight("variance", 4),
    ),
    (
        "LayerNormalization",
        IMAGE,
        {"epsilon": 1e-6, "axes": [1]},
        weight("scale", 4),
        weight("shift", 4),
    ),
    ("LayerNormalization", (1, 5, 8), {"epsilon": 1e-6, "axes": [-1]}, weight("scale", 8)),
    (
        "LayerNormalization",
        (1, 5, 8),
        {"epsilon": 0.1, "axes": [2], "unbiased": True, "epsilon_outside": True},
        weight("scale", 8),
    ),
    ("RMSNormalization", IMAGE, {"epsilon": 1e-6, "axes": [1]}, weight("scale", 4)),
    ("RMSNormalization", (1, 5, 8), {"epsilon": 1e-6, "axes": [2], "scale": False}),
    (
        "GroupNormalization",
        IMAGE,
        {"epsilon": 1e-5, "num_groups": 2},
        weight("scale", 4),
        weight("shift", 4),
    ),
    ("InstanceNormalization", IMAGE, {"epsilon": 1e-5}, weight("scale", 4), weight("shift", 4)),
    ("LRN", (1, 8, 5, 5), {"size": 5, "alpha": 0.5, "beta": 0.75, "bias": 2.0}),
    ("LRN", (1, 8, 5, 5), {"size": 4, "alpha": 0.5, "beta": 0.75, "bias": 1.0}),
    ("Softmax", (1, 7), {"axis": -1}),
    ("Softmax", IMAGE, {"axis": 1, "flattened": True}),
    ("LogSoftmax", IMAGE, {"axis": 1}),
    ("Slice", IMAGE, {"axes": [2, 3], "starts": [-1, 1], "ends": [-100, 6], "steps": [-2, 2]}),
    ("Slice", IMAGE, {"axes": [1], "starts": [1], "ends": [3]}),
    ("Gather", IMAGE, {"axis": 1, "index": 2}),
    ("Gather", IMAGE, {"axis": 1, "indices": [2, 1, 0]}),
    ("Pad", IMAGE, {"pads": [1, 0, 2, -1], "axes": [2, 3], "value": 1.5}),
    ("Pad", IMAGE, {"pads": [1, 2, 2, 1], "axes": [2, 3], "mode": "reflect"}),
    ("ReduceMean", IMAGE, {"axes": [2, 3], "keepdims": True}),
    ("ReduceSum", IMAGE, {"axes": [1]}),
    ("ReduceL2", IMAGE, {"axes": [1], "keepdims": True}),
    ("Reshape", IMAGE, {"shape": [1, 2, -1]}),
    ("Flatten", IMAGE, {"axis": 1}),
    ("Transpose", IMAGE, {"perm": [0, 2, 3, 1]}),
    ("Squeeze", (1, 4, 1, 1), {"axes": [2, 3]}),
    ("Unsqueeze", (1, 4), {"axes": [2, 3]}),
    ("Expand", (1, 4, 1, 1), {"shape": [1, 4, 3, 2]}),
    ("Add", IMAGE, {"value": [1.0, 2.0, 3.0, 4.0], "axis": 1}),
    ("Sub", IMAGE, {"value": 2.0, "constant_first": True}),
    ("Mul", IMAGE, {"axis": 1}, weight("scale", 4)),
    ("Pow", IMAGE, {"value": 2.0}),
    ("PRelu", IMAGE, {"axis": 1}, weight("constant", 4)),
    ("Clip", IMAGE, {"min": 0.0, "max": 0.5}),
    ("HardSwish", IMAGE, {}),
    ("HardSigmoid", IMAGE, {"alpha": 0.2, "beta": 0.5}),
    ("Swish", IMAGE, {"alpha": 1.7}),
    ("Gelu", IMAGE, {}),
    ("Gelu", IMAGE, {"approximate": "tanh"}),
    ("Mish", IMAGE, {}),
    ("Selu", IMAGE, {}),
    ("Elu", IMAGE, {"alpha": 0.7}),
    ("LeakyRelu", IMAGE, {"alpha": 0.1}),
    ("Cast", IMAGE, {"to": "int32"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[2]}")
def test_operators(case: tuple[str, tuple[int, ...], dict[str, object]]) -> None:
    op, shape, attributes, *parameters = case
    graph = single(op, shape, attributes, *parameters)
    rng = np.random.default_rng(1)
    image = 2 * rng.standard_normal(shape)
    weights = {p.name: rng.uniform(0.5, 1.5, p.shape) for p in parameters}
    expected = evaluate(
        graph, {"x": image}, lambda node, data: [weights[p.name] for p in node.parameters]
    )["y"]
    found = in_runtime(to_model(graph, weights), image)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_two_tensors_of_two_ranks() -> None:
    """A gate, (1, n), goes along the channels of an image."""
    gate, image = Tensor("g", (1, 4)), Tensor("x", IMAGE)
    flat = Node("GlobalAveragePool", "p", ("x",), ("q",))
    shaped = Node("Flatten", "f", ("q",), ("g",), {"axis": 1})
    both = Node("Mul", "m", ("g", "x"), ("y",))
    tensors = {"g": gate, "x": image, "q": Tensor("q", (1, 4, 1, 1)), "y": Tensor("y", IMAGE)}
    graph = Graph("made", (image,), (tensors["y"],), (flat, shaped, both), tensors)
    x = np.random.default_rng(0).standard_normal(IMAGE)
    expected = evaluate(graph, {"x": x}, {})["y"]
    np.testing.assert_allclose(in_runtime(to_model(graph, {}), x), expected, rtol=1e-4, atol=1e-6)


def test_what_has_no_translation_is_said() -> None:
    with pytest.raises(MeasurementError, match="aten::roll, which has no ONNX"):
        to_model(single("aten::roll", IMAGE, {}), {})
    with pytest.raises(MeasurementError, match="lacks its weights weight4"):
        to_model(single("Conv", IMAGE, WINDOW, weight("weight", 6, 4, 3, 3)), {})
    with pytest.raises(MeasurementError, match="wrap"):
        to_model(single("Pad", IMAGE, {"pads": [1, 1], "axes": [2], "mode": "wrap"}), {})
