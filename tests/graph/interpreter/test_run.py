"""What the interpreter refuses, keeps and forgets; weights in every stored order."""

from __future__ import annotations

import weakref
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter import run as module
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes.weights import parameters
from zoodiff.graph.weights import viewed


def graph(*nodes: Node, shape: tuple[int, ...] = (1, 4), output: str = "y") -> Graph:
    """A graph of one input ``x``."""
    x = Tensor("x", shape)
    return Graph("test", (x,), (Tensor(output, ()),), nodes, {"x": x})


def node(op: str, inputs: str = "x", output: str = "y", **attributes: Any) -> Node:
    return Node(op, f"the {op}", tuple(inputs.split()), (output,), attributes)


@pytest.mark.parametrize(
    "strange",
    [
        node("aten::index"),
        node("keras::Lambda"),
        node("Conv", quantized=True),
        node("BatchNormalization", training=True),
        node("Relu", inputs=""),
        node("Add", constant_shape=[1, 4]),
        node("Mul", value_shape=[1, 4]),
        node("Clip", inputs="x x"),
        node("Pad", mode="strange", pads=[1, 1], axes=[1]),
        node("Concat", inputs="", axis=0, parameters_at=[0]),
        node("Gather", axis=0),
    ],
    ids=lambda strange: strange.op,
)
def test_what_cannot_be_run_is_said_before_and_refused(strange: Node) -> None:
    made = graph(strange)
    assert unsupported(made) == [f"{strange.name} ({strange.op})"]
    with pytest.raises(MeasurementError, match=f"^{strange.name} of test is a {strange.op}"):
        evaluate(made, {"x": np.ones((1, 4))}, {})


def test_inputs_must_be_there_and_fit() -> None:
    made = graph(node("Relu"))
    with pytest.raises(MeasurementError, match="test needs an input x"):
        evaluate(made, {}, {})
    with pytest.raises(MeasurementError, match=r"x of test has the shape \(1, 4\), not \(4,\)"):
        evaluate(made, {"x": np.ones(4)}, {})
    free = graph(node("Relu"), shape=(1, -1))
    assert evaluate(free, {"x": np.ones((1, 7))}, {})["y"].shape == (1, 7)


def linear(layout: str = "OI", shape: tuple[int, ...] = (3, 4), **more: Any) -> Graph:
    weight = Parameter("w", shape, role="weight", layout=layout, **more)
    return graph(Node("Gemm", "the head", ("x",), ("y",), {"axis": 1}, (weight,)))


@pytest.mark.parametrize(
    ("made", "given", "message"),
    [
        (linear(), {}, "the head needs weights w"),
        (linear(), {"w": np.ones((4, 3))}, "weights w of the head have another shape"),
        (linear(layout=""), {"w": np.ones((3, 4))}, "how the weights w of the head are stored"),
        (linear(view=(("computed", ()),)), {"w": np.ones((3, 4))}, "how the head computes"),
        (linear(view=(("reshape", (5, 5)),)), {"w": np.ones((3, 4))}, "another shape"),
        (
            linear(shape=(3, 5)),
            {"w": np.ones((3, 5))},
            "the head of test, a Gemm, cannot be run",
        ),
    ],
)
def test_weights_must_be_there_and_fit(made: Graph, given: Any, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        evaluate(made, {"x": np.ones((1, 4))}, given)


def test_layer_norm_refuses_weights_in_another_order() -> None:
    """Over several axes, TensorFlow's weights do not lie as the canonical axes do."""
    scale = Parameter("s", (4, 2, 3), role="scale")
    attributes = {"axes": [1, 2, 3], "epsilon": 1e-5}
    made = graph(
        Node("LayerNormalization", "n", ("x",), ("y",), attributes, (scale,)), shape=(1, 3, 4, 2)
    )
    with pytest.raises(MeasurementError, match=r"the shape \(4, 2, 3\), not \(3, 4, 2\)"):
        evaluate(made, {"x": np.ones((1, 3, 4, 2))}, {"s": np.ones((4, 2, 3))})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_is_computed_in_the_type_that_was_asked_for(dtype: Any) -> None:
    given = {
        "x": np.linspace(0.1, 1, 4, dtype=np.float64)[None],
        "w": np.ones((3, 4), dtype=np.float32),
    }
    steps = [
        Node("Gemm", "g", ("x",), ("g",), {"axis": 1}, linear().nodes[0].parameters),
        node("Gelu", "g", "a"),
        node("Mul", "a", "b", value=0.1),
        node("Add", "b", "c", value=[0.1, 0.2, 0.3], axis=1),
        node("ReduceMean", "c", "d", axes=[1], keepdims=True),
        node("Softmax", "c", "e", axis=1),
        node("Pow", "d", "f", value=2.0),
        node("Mul", "e f", "y"),
    ]
    everything = {"x", *(step.outputs[0] for step in steps)}
    found = evaluate(graph(*steps), {"x": given["x"]}, given, dtype, everything)
    assert set(found) == everything
    assert {value.dtype for value in found.values()} == {np.dtype(dtype)}


def test_outputs_alone_are_returned_unless_more_are_kept() -> None:
    made = graph(node("Relu", "x", "a"), node("Neg", "a", "y"), node("Abs", "a", "unread"))
    given = {"x": np.array([[-1.0, 2.0, -3.0, 4.0]])}
    assert set(evaluate(made, given, {})) == {"y"}
    kept = evaluate(made, given, {}, keep={"a", "unread"})
    assert set(kept) == {"y", "a", "unread"}
    np.testing.assert_array_equal(kept["a"], [[0, 2, 0, 4]])


def test_an_input_may_be_an_output() -> None:
    made = graph(output="x")
    np.testing.assert_array_equal(evaluate(made, {"x": np.ones((1, 4))}, {})["x"], np.ones((1, 4)))


def test_tensors_are_freed_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a chain is, no more than two of its tensors are alive."""
    alive: list[weakref.ref[Any]] = []
    most = 0
    handler = module._HANDLERS["Neg"]

    def watched(call: Any) -> Any:
        nonlocal most
        result = handler(call)
        alive.append(weakref.ref(result))
        most = max(most, sum(ref() is not None for ref in alive))
        return result

    monkeypatch.setitem(module._HANDLERS, "Neg", watched)
    names = ["x", *(f"t{i}" for i in range(8)), "y"]
    chain = [node("Neg", a, b) for a, b in pairwise(names)]
    evaluate(graph(*chain), {"x": np.ones((1, 4))}, {})
    assert len(alive) == 9
    assert most == 2


def test_weights_may_be_provided_by_a_function() -> None:
    """As the proof does it: asked for a node at a time, given what reaches the node."""
    asked = []

    def provide(one: Node, data: Any) -> list[Any]:
        asked.append((one.name, data.shape))
        return [np.ones((3, 4))]

    found = evaluate(linear(layout=""), {"x": np.ones((1, 4))}, provide)
    np.testing.assert_array_equal(found["y"], [[4, 4, 4]])
    assert asked == [("the head", (1, 4))]


@pytest.mark.parametrize(
    ("op", "layout", "shape", "attributes"),
    [
        ("Conv", "OIHW", (6, 4, 3, 2), {}),
        ("Conv", "HWIO", (3, 2, 4, 6), {}),
        ("Conv", "OHWI", (6, 3, 2, 4), {}),
        ("Conv", "HWIM", (3, 2, 4, 5), {"group": 4}),
        ("Conv", "1HWO", (1, 3, 2, 4), {"group": 4}),
        ("ConvTranspose", "IOHW", (4, 6, 3, 2), {}),
        ("ConvTranspose", "HWOI", (3, 2, 6, 4), {}),
        ("Gemm", "OI", (3, 4), {"axis": 1}),
        ("Gemm", "IO", (4, 3), {"axis": 1}),
        ("Gemm", "11OI", (1, 1, 3, 4), {"axis": 1}),
    ],
)
def test_stored_weights_lie_as_the_canonical_graph_says(
    op: str, layout: str, shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    """By its layout in the frontend's graph, and by its view in the canonical one."""
    weight = Parameter("w", shape, role="weight", layout=layout)
    common = {"kernel_shape": [3, 2], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]}
    settings = attributes if op == "Gemm" else {"group": 1, **common, **attributes}
    raw = graph(Node(op, "n", ("x",), ("y",), settings, (weight,)), shape=(1, 4, 5, 5))
    stored = np.random.default_rng(0).standard_normal(shape)
    net = MutableGraph(raw)
    parameters.run(net)
    seen = net.freeze()
    expected = viewed(seen.nodes[0].parameters[0], stored)
    x = np.random.default_rng(1).standard_normal((1, 4, 5, 5))
    by_layout = evaluate(raw, {"x": x}, {"w": stored})["y"]
    provided = evaluate(raw, {"x": x}, lambda one, data: [expected])["y"]
    by_view = evaluate(seen, {"x": x}, {"w": stored})["y"]
    np.testing.assert_array_equal(by_layout, provided)
    np.testing.assert_array_equal(by_layout, by_view)
    assert np.ptp(by_layout) > 1
