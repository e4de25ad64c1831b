"""Integers of ONNX files as the real numbers that they stand for, and nodes out of order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import step_sizes

pytestmark = pytest.mark.onnx

NODE = helper.make_node
_CONV = NODE("QLinearConv", ["q", "s", "z", "w", "ws", "wz", "s", "z", "b"], ["c"], "conv")


def _graph(nodes: list[Any], weights: dict[str, Any], *, further: tuple[str, ...] = ()) -> Graph:
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, (1, 3, 9, 9))]
    inputs += [value(name, TensorProto.INT64, (1,)) for name in further]
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    output = helper.make_empty_tensor_value_info("y")
    made = helper.make_graph(nodes, "test", inputs, [output], tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    return graph_from_model(model, "test")


def _quantised(zero_point: int) -> Graph:
    weights = {
        "s": np.float32(0.1),
        "z": np.uint8(zero_point),
        "w": np.ones((4, 3, 3, 3), np.int8),
        "ws": np.array([0.5, 0.25, 0.125, 0.0625], np.float32),
        "wz": np.zeros(4, np.int8),
        "b": np.ones(4, np.int32),
    }
    nodes = [
        NODE("QuantizeLinear", ["x", "s", "z"], ["q"]),
        _CONV,
        NODE("DequantizeLinear", ["c", "s", "z"], ["y"]),
    ]
    return _graph(nodes, weights)


def test_integers_that_begin_at_zero_are_a_relu() -> None:
    assert [n.op for n in canonical(_quantised(0)).nodes] == ["Conv", "Relu"]


def test_integers_that_begin_below_zero_are_no_relu() -> None:
    assert [n.op for n in canonical(_quantised(128)).nodes] == ["Conv"]


def test_a_weight_of_integers_says_how_far_apart_its_values_are() -> None:
    weight, bias = canonical(_quantised(0)).nodes[0].parameters
    steps = step_sizes(weight, (4, 3, 3, 3))
    assert steps.shape == (4, 3, 3, 3)
    assert steps[:, 0, 0, 0].tolist() == [0.5, 0.25, 0.125, 0.0625]
    assert step_sizes(bias, (4,)) == pytest.approx([0.05, 0.025, 0.0125, 0.00625])


def test_steps_survive_json() -> None:
    graph = _quantised(0)
    assert Graph.from_json(graph.to_json()) == graph


def test_a_dynamic_quantisation_is_the_layer_of_real_numbers() -> None:
    weights = {
        "w": np.ones((9, 5), np.uint8),
        "ws": np.float32(0.5),
        "wz": np.uint8(7),
        "b": np.ones(5, np.float32),
    }
    nodes = [
        NODE("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        NODE("MatMulInteger", ["q", "w", "z", "wz"], ["i"]),
        NODE("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        NODE("Mul", ["s", "ws"], ["sw"]),
        NODE("Mul", ["f", "sw"], ["m"]),
        NODE("Add", ["m", "b"], ["y"]),
    ]
    (layer,) = canonical(_graph(nodes, weights)).nodes
    assert (layer.op, layer.attributes["bias"]) == ("Gemm", True)
    assert layer.parameters[0].steps == (0.5,)


def test_nodes_out_of_order_are_sorted() -> None:
    nodes = [NODE("Relu", ["a"], ["y"]), NODE("Tanh", ["x"], ["a"])]
    assert [n.op for n in _graph(nodes, {}).nodes] == ["Tanh", "Relu"]


def test_nodes_in_a_circle_are_refused() -> None:
    nodes = [NODE("Add", ["x", "y"], ["a"]), NODE("Tanh", ["a"], ["y"])]
    with pytest.raises(MeasurementError, match="without loops"):
        _graph(nodes, {})


@pytest.mark.parametrize(
    ("node", "weights"),
    [
        (NODE("Squeeze", ["x", "n"], ["y"]), {}),
        (NODE("Unsqueeze", ["x", "n"], ["y"]), {}),
        (NODE("Slice", ["x", "s", "e", "n"], ["y"]), {"s": [0], "e": [2]}),
        (NODE("Slice", ["x", "s", "e", "a", "n"], ["y"]), {"s": [0], "e": [2], "a": [1]}),
        (NODE("Pad", ["x", "p", "", "n"], ["y"]), {"p": [1, 1]}),
    ],
)
def test_what_is_computed_or_more_than_is_known_stays_opaque(
    node: Any, weights: dict[str, Any]
) -> None:
    further = ("n",) if "n" in node.input else ()
    (found,) = _graph([node], weights, further=further).nodes
    assert found.op == f"onnx::{node.op_type}"


def test_a_division_of_integers_is_no_division_of_real_numbers() -> None:
    nodes = [
        NODE("Cast", ["x"], ["i"], to=TensorProto.INT32),
        NODE("Div", ["i", "two"], ["h"]),
        NODE("Cast", ["h"], ["y"], to=TensorProto.FLOAT),
    ]
    found = canonical(_graph(nodes, {"two": np.int32(2)}))
    assert [n.op for n in found.nodes] == ["Cast", "onnx::Div", "Cast"]


def test_a_transposed_convolution_reaches_the_size_that_is_asked_for() -> None:
    node = NODE("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[20, 20])
    (found,) = _graph([node], {"w": np.ones((3, 4, 3, 3), np.float32)}).nodes
    assert found.attributes["output_padding"] == [1, 1]


def test_a_tensor_rounded_to_half_precision_and_back_says_so() -> None:
    nodes = [
        NODE("Tanh", ["x"], ["a"]),
        NODE("Cast", ["a"], ["h"], to=TensorProto.FLOAT16),
        NODE("Cast", ["h"], ["y"], to=TensorProto.FLOAT),
    ]
    found = canonical(_graph(nodes, {}))
    assert [n.op for n in found.nodes] == ["Tanh"]
    assert found.tensors[found.nodes[0].outputs[0]].dtype == "float16"
