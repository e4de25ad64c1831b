"""Sessions of ONNX Runtime whose weights are read and replaced, wherever the file keeps them."""

from pathlib import Path

import numpy as np
import pytest

from zoodiff.entry import RANDOM
from zoodiff.errors import MeasurementError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.zoos.runtime.onnx_session import content, open_file  # noqa: E402

pytestmark = pytest.mark.onnx
KERNEL = np.arange(12, dtype=np.float32).reshape(4, 3) / 10
IMAGE = np.array([[1.0, -2.0, 3.0]], dtype=np.float32)


def network(kernel: onnx.TensorProto, *nodes: onnx.NodeProto) -> onnx.ModelProto:
    """y = Gemm(x, w) * scale, with transB; ``scale`` and ``shift`` come from ``nodes``."""
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Gemm", ["x", "w"], ["g"], transB=1),
            helper.make_node("Mul", ["g", "scale"], ["m"]),
            helper.make_node("Add", ["m", "shift"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [kernel, numpy_helper.from_array(np.array([4], dtype=np.int64), "extent")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model


@pytest.fixture
def spread(tmp_path: Path) -> Path:
    """A file whose kernel lies in another file; its scale is a constant, its shift a fill."""
    fill = helper.make_tensor("", TensorProto.FLOAT, [1], [0.25])
    model = network(
        numpy_helper.from_array(KERNEL, "w"),
        helper.make_node("Constant", [], ["scale"], value_floats=[1.0, 2.0, 3.0, 4.0]),
        helper.make_node("ConstantOfShape", ["extent"], ["shift"], value=fill),
    )
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="net.onnx.data", size_threshold=64)
    assert (tmp_path / "net.onnx.data").stat().st_size >= KERNEL.nbytes
    return path


def test_weights_in_another_file_are_run_read_and_replaced(spread: Path) -> None:
    session = open_file(spread, None, 0, name="net", threads=1)
    scale, shift = np.array([1, 2, 3, 4], dtype=np.float32), np.float32(0.25)
    np.testing.assert_allclose(session(IMAGE), IMAGE @ KERNEL.T * scale + shift, rtol=1e-6)
    weights = session.weights_access()
    assert set(weights) == {"w", "scale", "shift"}  # and not the extent
    np.testing.assert_array_equal(weights["w"], KERNEL)
    np.testing.assert_array_equal(weights["scale"], scale)
    np.testing.assert_array_equal(weights["shift"], np.full(4, 0.25, dtype=np.float32))
    session.weights_access().assign({"w": KERNEL * 2, "shift": scale})
    np.testing.assert_allclose(session(IMAGE), IMAGE @ KERNEL.T * 2 * scale + scale, rtol=1e-6)
    weights = session.weights_access()
    np.testing.assert_array_equal(weights["w"], KERNEL * 2)
    np.testing.assert_array_equal(weights["shift"], scale)
    session.weights_access().assign({"scale": shift * scale})
    expected = IMAGE @ KERNEL.T * 2 * (shift * scale) + scale
    np.testing.assert_allclose(session(IMAGE), expected, rtol=1e-6)
    # The file is as it was.
    again = open_file(spread, None, 0, name="net", threads=1)
    np.testing.assert_array_equal(again.weights_access()["w"], KERNEL)


def test_random_weights_take_the_place_of_those_in_another_file(spread: Path) -> None:
    runs = [open_file(spread, RANDOM, s, name="net", threads=1)(IMAGE) for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 1e-3
    whole = onnx.load_from_string(content(spread, None, 0))
    assert not any(t.external_data for t in whole.graph.initializer)


def test_a_missing_or_outside_file_is_one_sentence(spread: Path) -> None:
    data = spread.with_name("net.onnx.data")
    kept = data.read_bytes()
    data.unlink()
    with pytest.raises(MeasurementError, match="cannot run net"):
        open_file(spread, None, 0, name="net", threads=1)
    with pytest.raises(MeasurementError, match=r"weights of .*net\.onnx cannot be read"):
        open_file(spread, RANDOM, 0, name="net", threads=1)
    (spread.parent.parent / "outside.data").write_bytes(kept)
    model = onnx.load(str(spread), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../outside.data"
    spread.write_bytes(model.SerializeToString())
    for weights in (None, RANDOM):
        with pytest.raises(MeasurementError, match="outside its own folder"):
            open_file(spread, weights, 0, name="net", threads=1)


@pytest.mark.parametrize("kind", [np.float16, np.int8])
def test_values_keep_the_files_type(tmp_path: Path, kind: type) -> None:
    stored = (KERNEL * 10).astype(kind)
    model = network(
        numpy_helper.from_array(stored, "stored"),
        helper.make_node("Cast", ["stored"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["scale"], value_floats=[1.0] * 4),
        helper.make_node("Constant", [], ["shift"], value_floats=[0.0] * 4),
    )
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    session = open_file(path, None, 0, name="net", threads=1)
    session.weights_access().assign({"stored": np.full((4, 3), 2.0, dtype=np.float32)})
    assert session.weights_access()["stored"].dtype == kind
    np.testing.assert_allclose(session(IMAGE), np.full((1, 4), 2.0 * IMAGE.sum()), rtol=1e-3)


def test_images_are_run_one_by_one_where_the_batch_is_fixed(tmp_path: Path) -> None:
    model = network(
        numpy_helper.from_array(KERNEL, "w"),
        helper.make_node("Constant", [], ["scale"], value_floats=[1.0] * 4),
        helper.make_node("Constant", [], ["shift"], value_floats=[0.0] * 4),
    )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    session = open_file(path, None, 0, name="net", threads=1)
    batch = np.concatenate([IMAGE, IMAGE * 2])
    np.testing.assert_allclose(session(batch), batch @ KERNEL.T, rtol=1e-6)
    assert session.input_shape == [1, 3]
