"""Masks that lie beside an ONNX file, or are too large to be read when it is described."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoodiff

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.onnx


def _file(path: Path, size: int, *, external: bool) -> Path:
    """Write a linear layer, a causal mask as a stored constant, and a softmax."""
    random = np.random.default_rng(0)
    weight = random.standard_normal((size, size)).astype(np.float32)
    mask = np.where(np.tri(size, dtype=bool), 0.0, -1e9).astype(np.float32)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("MatMul", ["x", "weight"], ["scores"], "scores"),
            onnx.helper.make_node("Add", ["scores", "mask"], ["masked"], "masked"),
            onnx.helper.make_node("Softmax", ["masked"], ["y"], "softmax", axis=-1),
        ],
        "masked",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, size, size])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, size, size])],
        [
            onnx.numpy_helper.from_array(weight, "weight"),
            onnx.numpy_helper.from_array(mask, "mask"),
        ],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=10
    )
    location = f"{path.name}.data" if external else None
    onnx.save(model, path, save_as_external_data=external, location=location, size_threshold=0)
    return path


@pytest.mark.parametrize("size", [8, 200])
def test_a_mask_beside_the_file_or_a_large_one_is_described(tmp_path: Path, size: int) -> None:
    inside = _file(tmp_path / "inside.onnx", size, external=False)
    outside = _file(tmp_path / "outside.onnx", size, external=True)
    assert zoodiff.diff(inside, outside).same_function is True
