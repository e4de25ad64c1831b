"""Opaque nodes of ONNX: what they keep, how they are run, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.graph.canonical import canonical
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.interpreter.run import run, unsupported
from zoodiff.graph.ir import Graph
from zoodiff.graph.validate import check

pytestmark = pytest.mark.onnx

NODE = helper.make_node
X = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)
Inputs = dict[str, Any]


def _model(nodes: list[Any], inputs: Inputs, weights: Inputs, outputs: str, opset: int) -> Any:
    kinds = {n: helper.np_dtype_to_tensor_dtype(np.asarray(v).dtype) for n, v in inputs.items()}
    given = [helper.make_tensor_value_info(n, kinds[n], np.shape(v)) for n, v in inputs.items()]
    ends = [helper.make_empty_tensor_value_info(name) for name in outputs.split()]
    stored = [numpy_helper.from_array(np.asarray(v), n) for n, v in weights.items()]
    graph = helper.make_graph(nodes, "test", given, ends, stored)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("my", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def _graph(
    nodes: list[Any],
    inputs: Inputs | None = None,
    weights: Inputs | None = None,
    *,
    outputs: str = "y",
    opset: int = 21,
) -> Graph:
    model = _model(nodes, inputs or {"x": X}, weights or {}, outputs, opset)
    graph = graph_from_model(model, "test")
    check(Graph.from_json(graph.to_json()))  # as it comes from a worker
    return canonical(graph)


def _results(graph: Graph, inputs: Inputs | None = None, weights: Inputs | None = None) -> Any:
    values = run(graph, inputs or {"x": X}, weights or {})
    results = [values[tensor.name] for tensor in graph.outputs]
    return results[0] if len(results) == 1 else results


def test_whole_numbers_are_divided_as_such() -> None:
    whole = {"x": np.array([7, -7]), "d": np.array([2, 2])}
    graph = _graph([NODE("Div", ["x", "d"], ["y"])], whole)
    result = _results(graph, whole)
    assert result.dtype == np.int64
    assert result.tolist() == [3, -3]


def test_bytes_wrap_around() -> None:
    given = {"x": np.array([250, 3], np.uint8), "d": np.array([10, 5], np.uint8)}
    assert _results(_graph([NODE("Add", ["x", "d"], ["y"])], given), given).tolist() == [4, 8]
    assert _results(_graph([NODE("Sub", ["x", "d"], ["y"])], given), given).tolist() == [240, 254]


@pytest.mark.parametrize(
    ("node", "computed", "expected"),
    [
        (NODE("Clip", ["x", "a"], ["y"]), np.float32(1), np.maximum(X, 1)),
        (NODE("ReduceSum", ["x", "a"], ["y"], keepdims=0), np.array([1]), X.sum(axis=1)),
        (NODE("Unsqueeze", ["x", "a"], ["y"]), np.array([0]), X[None]),
        (NODE("PRelu", ["x", "a"], ["y"]), np.float32(2), np.where(X > 0, X, X * 2)),
        (NODE("Tile", ["x", "a"], ["y"]), np.array([2, 1]), np.tile(X, (2, 1))),
        (NODE("Gather", ["x", "a"], ["y"]), np.array([2, 0]), X[[2, 0]]),
    ],
)  # fmt: skip
def test_a_setting_may_be_computed(node: Any, computed: Any, expected: Any) -> None:
    given = {"x": X, "a": computed}
    np.testing.assert_allclose(_results(_graph([node], given), given), expected)


def test_the_order_of_operands_is_kept() -> None:
    weight = {"w": np.linspace(1, 2, 12, dtype=np.float32).reshape(3, 4)}
    two = {"fmod": 1}
    one = _graph([NODE("Mod", ["x", "w"], ["y"], **two)], weights=weight)
    other = _graph([NODE("Mod", ["w", "x"], ["y"], **two)], weights=weight)
    assert fingerprint(one) != fingerprint(other)
    np.testing.assert_allclose(_results(one, weights=weight), np.fmod(X, weight["w"]))
    shifted = {"x": X + 0.5}
    np.testing.assert_allclose(
        _results(other, shifted, weight), np.fmod(weight["w"], X + 0.5), rtol=1e-5
    )


def test_a_weight_in_another_order_is_not_run() -> None:
    weight = {"w": np.ones((4, 3), np.float32)}
    nodes = [NODE("Transpose", ["w"], ["t"]), NODE("Mod", ["x", "t"], ["y"], fmod=1)]
    assert unsupported(_graph(nodes, weights=weight), opaque=True)


def test_outputs_are_told_apart() -> None:
    count = {"k": np.array([2])}
    values = _graph([NODE("TopK", ["x", "k"], ["y", "i"])], weights=count)
    indices = _graph([NODE("TopK", ["x", "k"], ["v", "y"])], weights=count)
    assert fingerprint(values) != fingerprint(indices)
    assert _results(indices).tolist() == [[3, 2]] * 3
    left_out = NODE("LSTM", ["x", "w", "r"], ["", "y"], hidden_size=2)
    shapes = {"x": (3, 1, 4), "w": (1, 8, 4), "r": (1, 8, 2)}
    given = {name: np.full(shape, 0.1, np.float32) for name, shape in shapes.items()}
    assert _results(_graph([left_out], given), given).shape == (1, 1, 2)


@pytest.mark.parametrize(("old", "new", "equal"), [(7, 22, True), (9, 14, True)])
def test_a_version_that_only_admits_more_types_is_the_same(old: int, new: int, equal: bool) -> None:
    nodes = [NODE("Acos", ["x"], ["y"])]
    assert (fingerprint(_graph(nodes, opset=old)) == fingerprint(_graph(nodes, opset=new))) == equal


def test_a_version_with_another_meaning_is_another_node() -> None:
    given = {"x": X.reshape(1, 3, 4)}
    old, new = (_graph([NODE("Hardmax", ["x"], ["y"], axis=1)], given, opset=o) for o in (11, 13))
    assert fingerprint(old) != fingerprint(new)
    assert _results(old, given).sum() == 1  # of all elements behind the axis
    assert _results(new, given).sum() == 4  # along the axis


def _branch(op: str, name: str, read: str = "x") -> Any:
    end = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([NODE(op, [read], [name])], name, [], [end])


def _if(then: str, otherwise: str, *names: str) -> Graph:
    branches = {
        "then_branch": _branch(then, names[0]),
        "else_branch": _branch(otherwise, names[1]),
    }
    given = {"x": X, "c": np.array(True)}
    return _graph([NODE("If", ["c"], ["y"], **branches)], given)


def test_the_branch_that_the_data_chooses_is_run() -> None:
    graph = _if("Relu", "Neg", "a", "b")
    np.testing.assert_array_equal(_results(graph, {"x": X, "c": np.array(True)}), np.maximum(X, 0))
    np.testing.assert_array_equal(_results(graph, {"x": X, "c": np.array(False)}), -X)


def test_control_flow_is_counted_as_opaque() -> None:
    assert [node.op for node in _if("Relu", "Neg", "a", "b").nodes] == ["onnx::If"]


def test_nested_graphs_are_compared_without_names() -> None:
    assert fingerprint(_if("Relu", "Neg", "a", "b")) == fingerprint(_if("Relu", "Neg", "c", "d"))
    assert fingerprint(_if("Relu", "Neg", "a", "b")) != fingerprint(_if("Relu", "Abs", "a", "b"))


def _loop(rounds: int) -> tuple[Graph, Inputs]:
    value = helper.make_tensor_value_info
    inputs = [value("i", TensorProto.INT64, ()), value("c", TensorProto.BOOL, ())]
    inputs.append(value("s", TensorProto.FLOAT, None))
    ends = [value("going", TensorProto.BOOL, ()), value("t", TensorProto.FLOAT, None)]
    nodes = [NODE("Identity", ["c"], ["going"]), NODE("Add", ["s", "x"], ["t"])]
    body = helper.make_graph(nodes, "body", inputs, ends)
    graph = _graph([NODE("Loop", ["n", "", "x"], ["y"], body=body)], {"x": X, "n": np.array(1)})
    return graph, {"x": X, "n": np.array(rounds)}


def test_a_loop_reads_what_is_around_it() -> None:
    graph, given = _loop(3)
    np.testing.assert_array_equal(_results(graph, given), X * 4)


def test_a_loop_without_end_is_refused() -> None:
    graph, given = _loop(2**40)
    with pytest.raises(MeasurementError, match="loops more than"):
        _results(graph, given)


def test_a_result_that_is_too_large_is_refused() -> None:
    given = {"x": X[:1, :1], "s": np.array([10**6, 10**6])}
    graph = _graph([NODE("Expand", ["x", "s"], ["y"])], given)
    with pytest.raises(MeasurementError, match="more than"):
        _results(graph, given)


@pytest.mark.parametrize(
    "node",
    [
        NODE("RandomNormalLike", ["x"], ["y"]),
        NODE("Magic", ["x"], ["y"], domain="my"),
    ],
)
def test_random_and_unknown_operators_are_not_run(node: Any) -> None:
    graph = _graph([node])
    assert unsupported(graph, opaque=True) == unsupported(graph)
    with pytest.raises(MeasurementError, match="cannot run"):
        _results(graph)


def test_patterns_of_a_file_are_not_run() -> None:
    texts = {"x": np.array(["a"], dtype=object)}
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [NODE("RegexFullMatch", ["x"], ["y"], pattern="(a+)+$")],
        "test",
        [value("x", TensorProto.STRING, (1,))],
        [value("y", TensorProto.BOOL, (1,))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    with pytest.raises(MeasurementError, match="RegexFullMatch"):
        _results(canonical(graph_from_model(model, "test")), texts)


def test_an_attribute_that_no_handler_knows_keeps_the_node_opaque() -> None:
    image = {"x": np.ones((1, 1, 4, 4), np.float32)}
    plain = NODE("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])
    assert [n.op for n in _graph([plain], image).nodes] == ["MaxPool"]
    newer = NODE("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], softness=2)
    model = _model([newer], image, {}, "y", 21)
    assert [n.op for n in canonical(graph_from_model(model, "test")).nodes] == ["onnx::MaxPool"]


def test_without_permission_opaque_nodes_are_not_run() -> None:
    graph = _graph([NODE("Acos", ["x"], ["y"])])
    assert unsupported(graph) == ["y (Acos)"]
    assert unsupported(graph, opaque=True) == []
    malformed = replace(graph.nodes[0], attributes={"input0": [1], "input0_shape": [5]})
    assert unsupported(replace(graph, nodes=(malformed,)), opaque=True)


def test_old_versions_keep_their_meaning() -> None:
    image = {
        "x": np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4),
        "s": np.float32([1, 1, 2, 2]),
    }
    graph = _graph([NODE("Resize", ["x", "s"], ["y"])], image, opset=10)
    np.testing.assert_array_equal(
        _results(graph, image), image["x"].repeat(2, axis=2).repeat(2, axis=3)
    )
    whole = {"x": np.arange(12).reshape(1, 3, 4)}
    nodes = [NODE("Cast", ["x"], ["f"], to=11), NODE("Hardmax", ["f"], ["y"], axis=-2)]
    assert _results(_graph(nodes, whole, opset=11), whole).sum() == 1
    grid = np.zeros((1, 1, 1, 2), np.float32)
    nodes = [NODE("GridSample", ["x", "g"], ["y"], mode="bilinear")]
    given = {"x": image["x"], "g": grid}
    assert _results(_graph(nodes, given, opset=16), given).item() == 7.5


def test_a_token_repeated_for_the_batch_is_still_a_weight() -> None:
    weight = {"w": np.ones((1, 4), np.float32), "one": np.array([0])}
    nodes = [
        NODE("Shape", ["x"], ["s"]),
        NODE("Expand", ["w", "s"], ["t"]),
        NODE("Concat", ["t", "x"], ["y"], axis=0),
    ]
    (node,) = _graph(nodes, weights=weight).nodes
    assert node.op == "Concat"
    assert node.parameters
