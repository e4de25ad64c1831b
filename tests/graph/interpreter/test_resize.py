"""Resampling against ONNX's reference implementation and TensorFlow's operations."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node, Tensor


def graph(attributes: dict[str, Any], shape: tuple[int, ...]) -> Graph:
    node = Node("Resize", "n", ("x",), ("y",), attributes)
    return Graph("test", (Tensor("x", shape),), (Tensor("y", ()),), (node,), {})


def resize(x: Any, **attributes: Any) -> Any:
    made = graph(attributes, x.shape)
    assert unsupported(made) == []
    return evaluate(made, {"x": x}, {})["y"]


def noise(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape)


SIZES = [[7, 9], [10, 12], [3, 4], [5, 11]]


@pytest.mark.onnx
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize(
    "coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
)
def test_as_onnx_says(mode: str, coordinates: str) -> None:
    pytest.importorskip("onnx")
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    x = noise(1, 2, 5, 6)
    roundings = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
    ways = {"nearest": [(r, 0) for r in roundings], "linear": [("floor", 0)]}
    ways["cubic"] = [("floor", 0), ("floor", 1)]
    for size, (rounding, outside) in product(SIZES, ways[mode]):
        attributes = {
            "mode": mode,
            "coordinate_transformation_mode": coordinates,
            "nearest_mode": rounding,
            "cubic_coeff_a": -0.5,
            "exclude_outside": outside,
        }
        node = helper.make_node("Resize", ["x", "", "", "s"], ["y"], **attributes)
        sizes = np.array([1, 2, *size], dtype=np.int64)
        (expected,) = ReferenceEvaluator(node).run(None, {"x": x, "s": sizes})
        found = resize(x, **attributes, sizes=sizes.tolist())
        # The reference takes cubic weights from a single-precision coefficient.
        close = 1e-5 if mode == "cubic" else 1e-10
        np.testing.assert_allclose(found, expected, rtol=0, atol=close, err_msg=str(attributes))


@pytest.mark.onnx
def test_scales_count_as_they_are_given() -> None:
    """The output is rounded down, and the scale stays what it was."""
    pytest.importorskip("onnx")
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    x, scales = noise(1, 2, 5, 6), np.array([1, 1, 1.7, 0.6], dtype=np.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], **attributes)
    (expected,) = ReferenceEvaluator(node).run(None, {"x": x, "s": scales})
    found = resize(x, **attributes, scales=scales.tolist())
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.keras
def test_as_tensorflow_resizes() -> None:
    """In every mode, with corners and centres as its operations take them."""
    tf = pytest.importorskip("tensorflow")
    x = noise(1, 5, 6, 2)
    operations = {
        "nearest": tf.raw_ops.ResizeNearestNeighbor,
        "linear": tf.raw_ops.ResizeBilinear,
        "cubic": tf.raw_ops.ResizeBicubic,
    }
    for (mode, operation), size in product(operations.items(), SIZES):
        for settings in ((False, False), (True, False), (False, True)):
            given = dict(zip(("align_corners", "half_pixel_centers"), settings, strict=True))
            expected = operation(images=x, size=size, **given).numpy().transpose(0, 3, 1, 2)
            found = resize(x.transpose(0, 3, 1, 2), mode=mode, sizes=size, **given)
            # TensorFlow looks cubic weights up in a table of 1,024 places.
            tolerance = 5e-3 if mode == "cubic" else 1e-5
            np.testing.assert_allclose(
                found, expected, atol=tolerance, rtol=0, err_msg=f"{mode} {size} {given}"
            )


@pytest.mark.parametrize(
    "attributes",
    [
        {"mode": "linear"},
        {"mode": "lanczos", "sizes": [3, 3]},
        {"mode": "linear", "sizes": [3, 3], "antialias": 1},
        {"coordinate_transformation_mode": "tf_crop_and_resize", "sizes": [3, 3]},
    ],
)
def test_ways_that_are_not_known_are_said_before(attributes: dict[str, Any]) -> None:
    assert unsupported(graph(attributes, (1, 1, 4, 4))) == ["n (Resize)"]
