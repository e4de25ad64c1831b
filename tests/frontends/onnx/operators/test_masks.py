"""Constant masks of attention scores; the truth is ONNX Runtime's softmax of the file."""

import numpy as np
import pytest

from zoodiff.graph.cost import count

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402

pytestmark = pytest.mark.onnx
NODE = helper.make_node
SHAPE = (1, 2, 5, 5)
CAUSAL = np.triu(np.ones((5, 5), bool), 1)


def model(nodes, weights, *, shape=SHAPE, axis=-1):
    nodes = [*nodes, NODE("Softmax", ["masked"], ["y"], axis=axis)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def trilu(size):
    """What PyTorch exports for ``masked_fill(triu(ones, 1), -1e9)``."""
    one = numpy_helper.from_array(np.ones(1, bool))
    return [
        NODE("ConstantOfShape", ["size"], ["ones"], value=one),
        NODE("Trilu", ["ones", "above"], ["mask"], upper=1),
        NODE("Where", ["mask", "low", "x"], ["masked"]),
    ], {
        "size": np.array([size, size]),
        "above": np.array(1),
        "low": np.float32(-1e9),
    }


def added(low):
    mask = np.where(CAUSAL, np.float32(low), np.float32(0))
    return [NODE("Add", ["x", "mask"], ["masked"])], {"mask": mask}


def kept():
    nodes = [NODE("Where", ["mask", "x", "low"], ["masked"])]
    return nodes, {"mask": ~CAUSAL, "low": np.float32(-np.inf)}


@pytest.mark.parametrize(
    ("nodes", "weights"), [trilu(5), added(-1e9), added(-np.inf), added(-65504.0), kept()]
)
def test_every_form_of_a_mask_is_one_and_no_parameter(nodes, weights) -> None:
    ort = pytest.importorskip("onnxruntime")
    made = model(nodes, weights)
    found = canonical(graph_from_model(made, "test"))
    assert [n.op for n in found.nodes] == ["Mask", "Softmax"]
    attributes = dict(found.nodes[0].attributes)
    seen = attributes.pop("value", None), attributes.pop("added", None)
    assert seen in {(None, None), (-65504.0, True)}  # the lowest number of half precision counts
    assert attributes == {"mask_shape": [5, 5], "runs": [1, 4, 2, 3, 3, 2, 4, 1, 5]}
    assert count(found).parameters == 0
    scores = 1e5 * np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    (theirs,) = ort.InferenceSession(made.SerializeToString()).run(None, {"x": scores})
    (ours,) = evaluate(found, {"x": scores}, {}).values()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_mask_of_many_tokens_is_read() -> None:
    shape = (1, 1, 300, 300)
    found = canonical(graph_from_model(model(*trilu(300), shape=shape), "test"))
    assert [n.op for n in found.nodes] == ["Mask", "Softmax"]


def hidden_row():
    mask = CAUSAL.copy()
    mask[2] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "low", "axis"),
    [
        (hidden_row(), -1e9, -1),  # a row that keeps nothing gets equal weights
        (CAUSAL, -1.0, -1),  # a number that a softmax sees
        (CAUSAL, -1e9, -2),  # a softmax over another axis
    ],
)
def test_what_is_no_mask_stays_as_it_is(mask, low, axis) -> None:
    nodes = [NODE("Where", ["mask", "low", "x"], ["masked"])]
    made = model(nodes, {"mask": mask, "low": np.float32(low)}, axis=axis)
    assert "Mask" not in [n.op for n in canonical(graph_from_model(made, "test")).nodes]


def test_an_added_weight_is_a_weight() -> None:
    bias = np.where(CAUSAL, np.float32(-1e9), np.float32(0.5))
    made = model([NODE("Add", ["x", "bias"], ["masked"])], {"bias": bias})
    found = canonical(graph_from_model(made, "test"))
    assert [n.op for n in found.nodes] == ["Add", "Softmax"]
    assert count(found).parameters == 25
