"""Models for several images give what they give for each by itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.onnx_export import to_model
from zoodiff.graph.onnx_export.emit import node_of
from zoodiff.graph.onnx_export.front import in_front

ort = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
pytestmark = pytest.mark.onnx

NETWORKS = Path(__file__).parents[1] / "networks"
BATCH = 3


def run(model: bytes, images: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"input0": images.astype(np.float32)})[0]


def same(graph: Graph, weights: dict[str, np.ndarray]) -> None:
    shape = graph.inputs[0].shape
    images = np.random.default_rng(0).standard_normal((BATCH, *shape[1:]))
    single = to_model(graph, weights)
    alone = np.concatenate([run(single, image[None]) for image in images])
    together = run(to_model(graph, weights, batch=BATCH), images)
    assert together.shape[0] == BATCH
    spread = np.ptp(alone)
    assert spread > 0
    assert np.abs(together.reshape(alone.shape) - alone).max() / spread < 1e-5


@pytest.mark.parametrize("name", ["torchvision__shufflenet_v2_x1_0", "torchvision__resnet18"])
def test_networks(name: str) -> None:
    content = gzip.decompress((NETWORKS / f"{name}.json.gz").read_bytes())
    graph = canonical(Graph.from_json(content.decode()))
    rng = np.random.default_rng(0)
    parameters = [p for node in graph.nodes for p in node.parameters]
    same(
        graph,
        {
            p.name: np.abs(rng.standard_normal(p.shape)) + 0.5
            if p.role in {"scale", "variance"}
            else rng.standard_normal(p.shape) / max(p.size / max(p.shape[0], 1), 1) ** 0.5
            for p in parameters
        },
    )


def graph_of(nodes: list[Node], shapes: dict[str, tuple[int, ...]], last: str) -> Graph:
    tensors = {name: Tensor(name, shape) for name, shape in shapes.items()}
    return Graph("made", (tensors["x"],), (tensors[last],), tuple(nodes), tensors)


def attention() -> Graph:
    """Heads of a self-attention, without an axis for the batch; a token goes in front."""
    a: dict[str, object] = {"m": 5, "k": 4, "n": 5, "batch": 3}
    nodes = [
        Node("Concat", "token", ("x",), ("t",), {"axis": 1, "parameters_at": [0]}, (TOKEN,)),
        Node("Reshape", "heads", ("t",), ("h",), {"shape": [5, 3, 4]}),
        Node("Transpose", "first", ("h",), ("q",), {"perm": [1, 0, 2]}),
        Node("Transpose", "second", ("h",), ("k",), {"perm": [1, 2, 0]}),
        Node("MatMul", "scores", ("q", "k"), ("s",), a),  # type: ignore[arg-type]
        Node("Softmax", "weights", ("s",), ("p",), {"axis": 2}),
        Node("MatMul", "values", ("p", "q"), ("v",), {**a, "k": 5, "n": 4}),  # type: ignore[arg-type]
        Node("Slice", "cut", ("v",), ("w",), {"axes": [0], "starts": [1], "ends": [3]}),
        Node("ReduceMean", "mean", ("w",), ("m",), {"axes": [0]}),
        Node("Flatten", "flat", ("m",), ("y",), {"axis": 0}),
    ]
    shapes = {
        **{"x": (1, 4, 12), "t": (1, 5, 12), "h": (5, 3, 4), "q": (3, 5, 4), "k": (3, 4, 5)},
        **{"s": (3, 5, 5), "p": (3, 5, 5), "v": (3, 5, 4), "w": (2, 5, 4), "m": (5, 4)},
        "y": (1, 20),
    }
    return graph_of(nodes, shapes, "y")


TOKEN = Parameter("token", (1, 1, 12), role="constant")


def test_attention_without_an_axis_for_the_batch() -> None:
    graph = attention()
    weights = {"token": np.random.default_rng(1).standard_normal((1, 1, 12))}
    same(graph, weights)
    image = np.random.default_rng(2).standard_normal((1, 4, 12))
    expected = evaluate(
        graph, {"x": image}, lambda node, data: [weights["token"]] if node.parameters else []
    )["y"]
    np.testing.assert_allclose(run(to_model(graph, weights), image), expected, rtol=1e-4)


def test_nothing_but_the_number_of_axes_changes_at_batch_size_1() -> None:
    graph = attention()
    image = np.random.default_rng(2).standard_normal((1, 4, 12))
    token = np.random.default_rng(1).standard_normal((1, 1, 12))

    def weights(node: Node, data: object) -> list[np.ndarray]:
        return [token.reshape(p.shape) for p in node.parameters]

    (before,) = evaluate(graph, {"x": image}, weights).values()
    (after,) = evaluate(in_front(graph).graph, {"x": image}, weights).values()
    np.testing.assert_allclose(after.reshape(before.shape), before)


def test_what_may_mix_images_is_refused_at_batch_sizes_above_1() -> None:
    """Windows of an image as a batch of their own, through a convolution."""
    conv = {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "pads": [1, 1, 1, 1]}
    weight = Parameter("w", (2, 2, 3, 3), role="weight")
    nodes = [
        Node("Reshape", "windows", ("x",), ("w0",), {"shape": [4, 2, 4, 4]}),
        Node("Conv", "conv", ("w0",), ("y",), {**conv, "group": 1}, (weight,)),  # type: ignore[arg-type]
    ]
    shapes = {"x": (1, 8, 4, 4), "w0": (4, 2, 4, 4), "y": (4, 2, 4, 4)}
    graph, weights = graph_of(nodes, shapes, "y"), {"w": np.ones((2, 2, 3, 3))}
    to_model(graph, weights)
    with pytest.raises(MeasurementError, match="batch size 1 only: conv, a Conv, may mix"):
        to_model(graph, weights, batch=2)


@pytest.mark.parametrize("batch", [1, BATCH])
def test_names_lead_back_to_nodes(batch: int) -> None:
    import onnx

    graph = attention()
    model = onnx.load_model_from_string(
        to_model(graph, {"token": np.ones((1, 1, 12))}, batch=batch)
    )
    names = [node.name for node in model.graph.node if node.name != "output"]
    assert len(set(names)) == len(names)
    found = [node_of(name) for name in names]
    assert set(found) == set(range(len(graph.nodes)))
    for node in model.graph.node:
        index = node_of(node.name)
        if index is not None:
            assert node.name.startswith(graph.nodes[index].name)
            assert all(node_of(name) == index for name in node.output)
