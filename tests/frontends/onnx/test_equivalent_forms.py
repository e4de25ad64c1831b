"""ONNX's ways of giving settings end in one form, and compute what ONNX says they do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from zoodiff.errors import MeasurementError  # noqa: E402
from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.graph import validate  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.fingerprint import SCHEME, fingerprint  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate, unsupported  # noqa: E402

pytestmark = pytest.mark.onnx
NODE = helper.make_node
SHAPE = (1, 4, 5, 6)


def model(nodes, weights, shape=SHAPE, opset=17):
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
    )
    made.ir_version = 8
    return made


def graph(nodes, weights, shape=SHAPE, opset=17):
    return graph_from_model(model(nodes, weights, shape, opset), "test")


def weight(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def whole(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def real(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)


CASES = {
    "channels reversed": (
        NODE("Slice", ["x", "s", "e", "a", "t"], ["y"]),
        {"s": whole(-1), "e": whole(-99), "a": whole(1), "t": whole(-1)},
        {"axes": [1], "starts": [3], "ends": [-5], "steps": [-1]},
    ),
    "every second row, from below": (
        NODE("Slice", ["x", "s", "e", "a", "t"], ["y"]),
        {"s": whole(4, 1), "e": whole(0, 5), "a": whole(-2, 3), "t": whole(-2, 2)},
        {"axes": [2, 3], "starts": [4, 1], "ends": [0, 5], "steps": [-2, 2]},
    ),
    "square": (NODE("Pow", ["x", "c"], ["y"]), {"c": real(2)}, {"value": 2.0}),
    "power of two": (
        NODE("Pow", ["c", "x"], ["y"]),
        {"c": real(2)},
        {"value": 2.0, "constant_first": True},
    ),
    "at least": (NODE("Max", ["x", "c"], ["y"]), {"c": real(0.25)}, {"value": 0.25}),
    "at most a number a channel": (
        NODE("Min", ["x", "c"], ["y"]),
        {"c": real(0.1, 0.2, 0.3, 0.4).reshape(4, 1, 1)},
        {"axis": 1},
    ),
    "slope of one number": (NODE("PRelu", ["x", "c"], ["y"]), {"c": real(0.3)}, {"value": 0.3}),
    "sum over axes": (
        NODE("ReduceSum", ["x", "a"], ["y"], keepdims=0),
        {"a": whole(-1, 1)},
        {"axes": [1, 3], "keepdims": False},
    ),
    "maximum over everything": (
        NODE("ReduceMax", ["x"], ["y"]),
        {},
        {"axes": [0, 1, 2, 3], "keepdims": True},
    ),
    "length": (
        NODE("ReduceL2", ["x"], ["y"], axes=[2], keepdims=1),
        {},
        {"axes": [2], "keepdims": True},
    ),
    "whole part": (NODE("Cast", ["x"], ["y"], to=7), {}, {"to": "int64"}),
    "twice as large": (
        NODE("Resize", ["x", "", "s"], ["y"], mode="nearest"),
        {"s": real(1, 1, 2, 2)},
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_form_computes_what_onnx_says(name: str) -> None:
    node, weights, attributes = CASES[name]
    made = model([node], weights, shape=SHAPE)
    image = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32) * 2
    (expected,) = ReferenceEvaluator(made).run(None, {"x": image})
    found = graph_from_model(made, "test")
    assert [n.op for n in found.nodes] == [node.op_type]
    if attributes is not None:
        assert dict(found.nodes[0].attributes) == attributes
    for form in (found, canonical(found), canonical(canonical(found))):
        validate.check(form)
        assert unsupported(form) == []
        values = {n: np.asarray(v) for n, v in weights.items()}
        (result,) = evaluate(form, {"x": image}, values).values()
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_fingerprints_of_spellings_are_what_they_were() -> None:
    """Other values here mean another scheme: give it a new number and a new file."""
    golden = Path(__file__).parent / "golden" / f"fingerprints_{SCHEME}.json"
    computed = {
        name: fingerprint(graph([node], weights)) for name, (node, weights, _) in CASES.items()
    }
    assert computed == json.loads(golden.read_text())


@pytest.mark.parametrize(
    ("node", "weights", "attributes"),
    [
        (NODE("Clip", ["x", "b"], ["y"]), {}, {}),
        (
            NODE("Max", ["x", "c", "d"], ["y"]),
            {"c": real(9), "d": real(9, 8, 7, 6, 5, 4)},
            {"input1": [9.0]},
        ),
        (NODE("Unsqueeze", ["x", "b"], ["y"]), {}, {}),
        (NODE("Squeeze", ["x", "b"], ["y"]), {}, {}),
        (NODE("Add", ["x", "c"], ["y"]), {"c": whole(1, 2, 3, 4, 5, 6)}, None),
        (NODE("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2]), {}, {"kernel_shape": [2, 2]}),
        (NODE("Pad", ["x", "p", "b"], ["y"]), {"p": whole(0, 0, 1, 1, 0, 0, 1, 1)}, {}),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_what_is_not_understood_is_kept_with_all_that_the_file_says(node, weights, attributes):
    """Never as the operator that it is not quite."""
    first = NODE("ReduceMin", ["x"], ["b"], keepdims=0)
    if node.op_type == "Add":  # whole numbers are added to whole numbers
        first, node = NODE("Cast", ["x"], ["z"], to=7), NODE("Add", ["z", "c"], ["y"])
    if "queeze" in node.op_type:  # the axes are known only when the network runs
        weights = {"none": whole(-1)}
        more = [NODE("Cast", ["b"], ["w"], to=7), NODE("Reshape", ["w", "none"], ["v"])]
        node = NODE(node.op_type, ["x", "v"], ["y"])
    else:
        more = []
    found = graph([first, *more, node], weights)
    validate.check(found)
    last = next(n for n in found.nodes if "y" in n.outputs)
    assert last.op == f"onnx::{node.op_type}"
    assert len(last.inputs) == sum(name not in weights for name in node.input)
    kept = {"input1": [1, 2, 3, 4, 5, 6]} if attributes is None else attributes
    assert dict(last.attributes).items() >= kept.items()
    assert [n.op for n in canonical(found).nodes][-1] == last.op


def test_a_layer_norm_that_an_exporter_wrote_out_is_one() -> None:
    """PyTorch's exporter squares with ``Pow``."""
    nodes = [
        NODE("ReduceMean", ["x"], ["m"], axes=[-1]),
        NODE("Sub", ["x", "m"], ["d"]),
        NODE("Pow", ["d", "two"], ["q"]),
        NODE("ReduceMean", ["q"], ["v"], axes=[-1]),
        NODE("Add", ["v", "e"], ["s"]),
        NODE("Sqrt", ["s"], ["r"]),
        NODE("Div", ["d", "r"], ["n"]),
        NODE("Mul", ["n", "g"], ["h"]),
        NODE("Add", ["h", "b"], ["y"]),
    ]
    held = {"two": real(2), "e": real(1e-5), "g": weight(6), "b": weight(6)}
    found = canonical(graph(nodes, held, shape=(1, 5, 6), opset=13))
    assert [n.op for n in found.nodes] == ["LayerNormalization"]
    assert found.nodes[0].attributes["axes"] == [2]
    # Two to the power of x is no square.
    nodes[2] = NODE("Pow", ["two", "d"], ["q"])
    found = canonical(graph(nodes, held, shape=(1, 5, 6), opset=13))
    assert "LayerNormalization" not in [n.op for n in found.nodes]


def test_a_group_norm_has_the_attributes_of_every_framework() -> None:
    node = NODE("GroupNormalization", ["x", "g", "b"], ["y"], num_groups=2, epsilon=1e-3)
    found = graph([node], {"g": weight(4), "b": weight(4)}, shape=SHAPE, opset=21)
    expected = {"epsilon": 1e-3, "num_groups": 2, "scale": True, "center": True}
    assert dict(found.nodes[0].attributes) == expected
    assert [p.role for p in found.nodes[0].parameters] == ["scale", "shift"]


def test_what_multiplies_is_never_hidden_under_another_name() -> None:
    with pytest.raises(MeasurementError, match=r"y \(Conv\) of test .*MACs cannot be counted"):
        graph([NODE("Conv", ["x", "w"], ["y"])], {"w": weight(4, 4)}, shape=SHAPE)
