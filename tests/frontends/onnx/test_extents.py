"""The size at which a file with open extents runs, against the sizes that ONNX Runtime takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoodiff.frontends.onnx.file import extent_of, graph_from_model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.onnx
Build = Callable[[list[Any], dict[str, Any]], None]


def model(build: Build, *, size: Any = ("h", "w"), batch: Any = "n") -> Any:
    """A network of images whose layers ``build`` adds; the last output is ``y``."""
    nodes: list[Any] = []
    arrays: dict[str, Any] = {}
    build(nodes, arrays)
    held = [
        onnx.numpy_helper.from_array(
            np.asarray(a, dtype=np.int64 if np.asarray(a).dtype.kind == "i" else np.float32), name
        )
        for name, a in arrays.items()
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info("x", 1, [batch, 3, *size])],
        [onnx.helper.make_tensor_value_info("y", 1, [batch, 10])],
        held,
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made


def convolution(nodes: list[Any], arrays: dict[str, Any], source: str, stride: int) -> str:
    channels = 3 if source == "x" else 4
    name = f"c{len(nodes)}"
    arrays[f"{name}.w"] = np.random.default_rng(len(nodes)).standard_normal((4, channels, 3, 3))
    nodes.append(
        onnx.helper.make_node(
            "Conv", [source, f"{name}.w"], [name], name, pads=[1] * 4, strides=[stride] * 2
        )
    )
    return name


def head(nodes: list[Any], arrays: dict[str, Any], source: str, features: int) -> None:
    arrays["fc.w"] = np.random.default_rng(1).standard_normal((features, 10))
    nodes.append(onnx.helper.make_node("Flatten", [source], ["flat"], "flat"))
    nodes.append(onnx.helper.make_node("Gemm", ["flat", "fc.w"], ["y"], "fc"))


def frozen_pool(kernel: int, strides: int | None, convolutions: int) -> Build:
    def build(nodes: list[Any], arrays: dict[str, Any]) -> None:
        x = "x"
        for _ in range(convolutions):
            x = convolution(nodes, arrays, x, 2)
        step = {"strides": [strides] * 2} if strides else {}
        pool = onnx.helper.make_node(
            "AveragePool", [x], ["pool"], "pool", kernel_shape=[kernel] * 2, **step
        )
        nodes.append(pool)
        head(nodes, arrays, "pool", 4 if convolutions else 3)

    return build


def flattened(nodes: list[Any], arrays: dict[str, Any]) -> None:
    x = convolution(nodes, arrays, convolution(nodes, arrays, "x", 2), 2)
    head(nodes, arrays, x, 4 * 5 * 5)


def cut_into_rows(nodes: list[Any], arrays: dict[str, Any]) -> None:
    """``view(-1, 100)`` of a traced network, which makes two images of a larger map."""
    x = convolution(nodes, arrays, convolution(nodes, arrays, "x", 2), 2)
    arrays["shape"] = np.array([-1, 100])
    arrays["fc.w"] = np.random.default_rng(1).standard_normal((100, 10))
    nodes.append(onnx.helper.make_node("Reshape", [x, "shape"], ["flat"], "flat"))
    nodes.append(onnx.helper.make_node("Gemm", ["flat", "fc.w"], ["y"], "fc"))


def positions(nodes: list[Any], arrays: dict[str, Any]) -> None:
    """Position embeddings of 6 x 6 places of a map."""
    x = convolution(nodes, arrays, convolution(nodes, arrays, "x", 2), 2)
    arrays["positions"] = np.random.default_rng(2).standard_normal((1, 4, 6, 6))
    nodes.append(onnx.helper.make_node("Add", [x, "positions"], ["placed"], "placed"))
    nodes.append(onnx.helper.make_node("GlobalAveragePool", ["placed"], ["pool"], "pool"))
    head(nodes, arrays, "pool", 4)


def runs_at(made: Any, extent: int) -> bool:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = np.zeros((1, 3, extent, extent), np.float32)
    try:
        return bool(session.run(None, {"x": image})[0].shape == (1, 10))
    except Exception:
        return False


@pytest.mark.parametrize(
    ("build", "extent"),
    [
        pytest.param(frozen_pool(16, None, 0), 16, id="pooling"),
        pytest.param(frozen_pool(7, 7, 2), 28, id="pooling of a map, in steps of its size"),
        pytest.param(frozen_pool(3, 1, 3), 24, id="pooling of a map"),
        pytest.param(flattened, 20, id="map flattened"),
        pytest.param(cut_into_rows, 20, id="map cut into rows"),
        pytest.param(positions, 24, id="position embeddings"),
    ],
)
def test_the_traced_size_is_chosen(build: Build, extent: int) -> None:
    made = model(build)
    assert runs_at(made, extent)
    assert not runs_at(made, 2 * extent + 8)
    before = made.SerializeToString()
    assert extent_of(made, "x.onnx") == extent
    assert made.SerializeToString() == before
    graph = graph_from_model(made, "x.onnx", extent=extent)
    assert graph.inputs[0].shape == (1, 3, extent, extent)
    assert graph.outputs[0].shape == (1, 10)


def test_a_size_that_fits_is_kept() -> None:
    def build(nodes: list[Any], arrays: dict[str, Any]) -> None:
        nodes.append(onnx.helper.make_node("GlobalAveragePool", ["x"], ["pool"], "pool"))
        head(nodes, arrays, "pool", 3)

    assert extent_of(model(build), "x.onnx") == 224
    assert extent_of(model(build), "x.onnx", 64) == 64
    assert extent_of(model(build, size=(9, 9)), "x.onnx") == 224, "nothing is open"


def test_where_no_size_fits_the_usual_one_is_kept() -> None:
    def build(nodes: list[Any], arrays: dict[str, Any]) -> None:
        nodes.append(onnx.helper.make_node("GlobalAveragePool", ["x"], ["pool"], "pool"))
        head(nodes, arrays, "pool", 5)

    assert extent_of(model(build), "x.onnx") == 224
