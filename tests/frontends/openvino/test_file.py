"""IR files become graphs that compute what OpenVINO computes, operator by operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.frontends.openvino.file import graph_from_file, values_of
from zoodiff.frontends.openvino.reader import read
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.interpreter.run import evaluate

pytest.importorskip("onnx")
pytestmark = pytest.mark.openvino
IMAGE = (1, 4, 9, 10)
KINDS = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32}


@pytest.fixture(scope="module")
def ov() -> Any:
    pytest.importorskip("openvino")
    from zoodiff.zoos.runtime.openvino_session import import_openvino

    return import_openvino()


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def saved(
    ov: Any, folder: Path, build: Callable[[Any, Any], Any], shape=IMAGE, **more: Any
) -> Path:
    import openvino.opset15 as ops

    data = ops.parameter(list(shape), np.float32, name="x")
    network = ov.Model([build(ops, data)], [data], "network")
    ov.save_model(network, folder / "a.xml", compress_to_fp16=more.get("half", False))
    return folder / "a.xml"


def weights(path: Path) -> dict[str, np.ndarray]:
    found = {}
    for layer in read(path).of_type("Const"):
        shape = [int(n) for n in layer.attributes["shape"].split(",") if n.strip()]
        kind = KINDS.get(layer.attributes["element_type"])
        if kind is not None:
            found[layer.name] = np.frombuffer(values_of(layer, path), kind).reshape(shape)
    return found


def both(ov: Any, path: Path, shape=IMAGE) -> tuple[np.ndarray, np.ndarray]:
    """The output of OpenVINO, and of zoodiff's interpreter on the canonical graph."""
    image = drawn(*shape, seed=1)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    native = ov.Core().compile_model(str(path), "CPU", settings)([image])[0]
    graph = canonical(graph_from_file(path))
    outputs = evaluate(graph, {graph.inputs[0].name: image}, weights(path))
    return native, outputs[graph.outputs[0].name]


def _window(**more: Any) -> dict[str, Any]:
    return {"strides": [2, 1], "pads_begin": [1, 0], "pads_end": [0, 2], **more}


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Convolution": lambda o, x: o.convolution(x, drawn(6, 4, 3, 3), **_window(dilations=[1, 2])),
    "Convolution, same": lambda o, x: o.convolution(
        x, drawn(6, 4, 3, 3), **_window(dilations=[1, 1]), auto_pad="same_upper"
    ),
    "Convolution with bias": lambda o, x: o.add(
        o.convolution(x, drawn(6, 4, 3, 3), **_window(dilations=[1, 1])), drawn(1, 6, 1, 1)
    ),
    "Convolution with a sum over columns": lambda o, x: o.add(
        o.convolution(x, drawn(9, 4, 3, 3), [1, 1], [1, 1], [1, 0], [1, 1]), drawn(9)
    ),
    "GroupConvolution": lambda o, x: o.add(
        o.group_convolution(x, drawn(2, 3, 2, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]),
        drawn(1, 6, 1, 1),
    ),
    "ConvolutionBackpropData": lambda o, x: o.convolution_backprop_data(
        x, drawn(4, 3, 3, 3), [2, 2], pads_begin=[1, 1], pads_end=[1, 1], output_padding=[1, 0]
    ),
    "GroupConvolutionBackpropData": lambda o, x: o.group_convolution_backprop_data(
        x, drawn(2, 2, 3, 3, 3), [2, 2], pads_begin=[0, 1], pads_end=[1, 0]
    ),
    "MaxPool": lambda o, x: o.max_pool(x, [2, 1], [1, 1], [1, 1], [1, 1], [3, 3]).output(0),
    "MaxPool, ceil": lambda o, x: o.max_pool(
        x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], "ceil"
    ).output(0),
    "AvgPool": lambda o, x: o.avg_pool(x, [2, 2], [1, 1], [1, 0], [3, 2], True),
    "AvgPool with padding": lambda o, x: o.avg_pool(x, [2, 2], [1, 1], [1, 0], [3, 2], False),
    "BatchNormInference": lambda o, x: o.batch_norm_inference(
        x, drawn(4), drawn(4, seed=2), drawn(4, seed=3), np.abs(drawn(4, seed=4)) + 0.5, 1e-3
    ),
    "MVN": lambda o, x: o.mvn(x, np.array([2, 3]), True, 1e-3, "inside_sqrt"),
    "MVN outside": lambda o, x: o.mvn(x, np.array([1]), True, 1e-2, "outside_sqrt"),
    "MVN without variance": lambda o, x: o.mvn(x, np.array([1]), False, 1e-2, "outside_sqrt"),
    "GroupNormalization": lambda o, x: o.group_normalization(
        x, drawn(4), drawn(4, seed=2), 2, 1e-3
    ),
    "LRN": lambda o, x: o.lrn(x, np.array([1]), 1e-1, 0.75, 1.0, 3),
    "MatMul": lambda o, x: o.matmul(x, drawn(5, 10), False, True),
    "MatMul with bias": lambda o, x: o.add(
        o.matmul(x, drawn(10, 5), False, False), drawn(1, 1, 1, 5)
    ),
    "MatMul, transposed": lambda o, x: o.matmul(x, drawn(1, 1, 9, 5), True, False),
    "MatMul of computed": lambda o, x: o.matmul(x, x, False, True),
    "PReLU": lambda o, x: o.prelu(x, drawn(4)),
    "ReLU": lambda o, x: o.relu(x),
    "Clamp": lambda o, x: o.clamp(x, -0.5, 0.75),
    "Swish": lambda o, x: o.swish(x),
    "Swish, scaled": lambda o, x: o.swish(x, np.float32(1.5)),
    "Gelu": lambda o, x: o.gelu(x, "erf"),
    "Gelu, tanh": lambda o, x: o.gelu(x, "tanh"),
    "HSwish": lambda o, x: o.hswish(x),
    "HSigmoid": lambda o, x: o.hsigmoid(x),
    "HardSigmoid": lambda o, x: o.hard_sigmoid(x, np.float32(0.3), np.float32(0.4)),
    "Elu": lambda o, x: o.elu(x, 0.7),
    "SoftPlus": lambda o, x: o.softplus(x),
    "SquaredDifference": lambda o, x: o.squared_difference(x, drawn(10)),
    "Subtract from a constant": lambda o, x: o.subtract(drawn(1, 4, 1, 1), x),
    "Divide": lambda o, x: o.divide(x, drawn(10) + 3),
    "Power": lambda o, x: o.power(o.abs(x), np.float32(1.5)),
    "SoftMax": lambda o, x: o.softmax(x, 1),
    "LogSoftmax": lambda o, x: o.log_softmax(x, 3),
    "ReduceMean": lambda o, x: o.reduce_mean(x, np.array([2, 3]), False),
    "ReduceMax": lambda o, x: o.reduce_max(x, np.array([1]), True),
    "Reshape": lambda o, x: o.reshape(x, np.array([0, -1, 5]), True),
    "Transpose": lambda o, x: o.transpose(x, np.array([0, 2, 3, 1])),
    "Concat": lambda o, x: o.concat([x, o.relu(x)], 1),
    "Split": lambda o, x: o.concat([o.split(x, np.int64(1), 2).output(i) for i in (1, 0)], 1),
    "VariadicSplit": lambda o, x: o.variadic_split(x, np.int64(3), np.array([3, -1])).output(1),
    "Slice": lambda o, x: o.slice(x, np.array([1]), np.array([8]), np.array([2]), np.array([3])),
    "StridedSlice": lambda o, x: o.strided_slice(
        x,
        [0, 1, 2, 1],
        [1, 3, 0, 0],
        [1, 1, 2, 1],
        [0, 0, 0, 0],
        [0, 0, 1, 1],
        shrink_axis_mask=[1, 0, 0, 0],
    ),
    "StridedSlice from behind": lambda o, x: o.strided_slice(
        x,
        [0, 0, 0, -1],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        shrink_axis_mask=[0, 0, 0, 1],
    ),
    "Range": lambda o, x: o.reduce_mean(x, o.range(np.int32(2), np.int32(4), np.int32(1), "i64")),
    "Gather": lambda o, x: o.gather(x, np.array(2), np.array(1)),
    "Pad": lambda o, x: o.pad(x, [0, 0, 1, 2], [0, 0, 0, 1], "constant", np.float32(2)),
    "Pad, reflected": lambda o, x: o.pad(x, [0, 0, 1, 2], [0, 0, 0, 1], "reflect"),
    "ShuffleChannels": lambda o, x: o.shuffle_channels(x, 1, 2),
    "DepthToSpace": lambda o, x: o.depth_to_space(x, "blocks_first", 2),
    "Interpolate": lambda o, x: o.interpolate(
        x,
        np.array([18, 20]),
        "nearest",
        "sizes",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=np.array([2, 3]),
    ),
    "Attention": lambda o, x: o.scaled_dot_product_attention(x, o.relu(x), x, causal=False),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_computes_what_openvino_computes(name: str, ov: Any, tmp_path: Path) -> None:
    path = saved(ov, tmp_path, OPERATORS[name])
    native, ours = both(ov, path)
    assert native.shape == ours.shape
    np.testing.assert_allclose(ours, native, rtol=2e-4, atol=2e-5)


def test_no_operator_of_the_list_above_is_opaque(ov: Any, tmp_path: Path) -> None:
    for build in OPERATORS.values():
        graph = graph_from_file(saved(ov, tmp_path, build))
        assert not [node.op for node in graph.nodes if "::" in node.op]


def test_a_constant_per_channel_behind_a_convolution_is_its_bias(ov: Any, tmp_path: Path) -> None:
    graph = graph_from_file(saved(ov, tmp_path, OPERATORS["Convolution with bias"]))
    assert [(node.op, node.attributes["bias"]) for node in graph.nodes] == [("Conv", True)]
    assert count(graph).parameters == 6 * 4 * 9 + 6


def test_a_sum_along_another_axis_is_no_bias(ov: Any, tmp_path: Path) -> None:
    path = saved(ov, tmp_path, OPERATORS["Convolution with a sum over columns"])
    assert [node.op for node in graph_from_file(path).nodes] == ["Conv", "Add"]


def test_weights_in_half_precision_are_the_same_weights(ov: Any, tmp_path: Path) -> None:
    build = OPERATORS["Convolution with bias"]
    whole = graph_from_file(saved(ov, tmp_path, build))
    half = graph_from_file(saved(ov, tmp_path, build, half=True))
    assert {p.dtype for node in half.nodes for p in node.parameters} == {"float16"}
    assert count(whole).parameters == count(half).parameters


def test_a_pooling_that_rounds_up_beyond_the_padding_stays_opaque(ov: Any, tmp_path: Path) -> None:
    path = saved(
        ov,
        tmp_path,
        lambda o, x: o.max_pool(x, [3, 3], [1, 1], [0, 0], [2, 2], [2, 2], "ceil").output(0),
        (1, 4, 8, 8),
    )
    (node,) = graph_from_file(path).nodes
    wide = read(path).of_type("MaxPool")[0].outputs[0].shape[2]
    assert node.op == ("openvino::MaxPool" if (wide - 1) * 3 >= 8 else "MaxPool")


def test_an_unknown_operator_is_opaque_and_keeps_its_settings(ov: Any, tmp_path: Path) -> None:
    path = saved(ov, tmp_path, lambda o, x: o.normalize_l2(x, np.array([1]), 1e-6, "add"))
    (node,) = graph_from_file(path).nodes
    assert (node.op, node.attributes["eps_mode"]) == ("openvino::NormalizeL2", "add")


def test_an_open_batch_is_one_image(ov: Any, tmp_path: Path) -> None:
    build = OPERATORS["Convolution with bias"]
    fixed = graph_from_file(saved(ov, tmp_path, build))
    path = saved(ov, tmp_path, build, (-1, 4, 9, 10))
    assert fingerprint(canonical(graph_from_file(path))) == fingerprint(canonical(fixed))


def test_a_state_between_calls_is_refused_in_one_sentence(ov: Any, tmp_path: Path) -> None:
    path = saved(ov, tmp_path, lambda o, x: o.read_value(x, "kept"), (1, 4))
    with pytest.raises(MeasurementError, match=r"is a state between calls \(ReadValue\)"):
        graph_from_file(path)
