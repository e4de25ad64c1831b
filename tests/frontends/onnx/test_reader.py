"""Reading ONNX files without their weights."""

from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx import reader  # noqa: E402
from zoodiff.frontends.onnx.file import graph_from_file, load  # noqa: E402
from zoodiff.zoos.onnx.backend import light_folder  # noqa: E402

pytestmark = pytest.mark.onnx


def saved(folder: Path, tensor, *, raw: bool = True) -> Path:
    """A convolution whose weight is given, once as an initialiser and once in a Constant."""
    if not raw:
        array = numpy_helper.to_array(tensor).reshape(-1)
        tensor = helper.make_tensor("w", TensorProto.FLOAT, tensor.dims, array)
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Constant", [], ["v"], value=tensor),
        helper.make_node("Add", ["w", "v"], ["k"]),
        helper.make_node("Conv", ["x", "k"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, (1, 64, 9, 9))],
        [value("y", TensorProto.FLOAT, None)],
        [tensor],
    )
    path = folder / "x.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def a_weight(*shape: int):
    return numpy_helper.from_array(np.ones(shape, dtype=np.float32), "w")


@pytest.mark.parametrize("raw", [True, False])
def test_values_of_large_tensors_are_left_out_and_nothing_else(tmp_path: Path, raw: bool) -> None:
    path = saved(tmp_path, a_weight(64, 64, 3, 3), raw=raw)
    whole, read = onnx.load(str(path)), reader.read(path)
    assert read.ByteSize() < 1000 < whole.ByteSize()
    for tensor in (whole.graph.initializer[0], whole.graph.node[0].attribute[0].t):
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
    assert read == whole


def test_small_tensors_keep_their_values(tmp_path: Path) -> None:
    path = saved(tmp_path, a_weight(8, 64, 2, 1))
    assert reader.read(path) == onnx.load(str(path))


@pytest.mark.parametrize("path", sorted(light_folder().glob("*.onnx")), ids=lambda p: p.stem)
def test_light_graphs_are_read_as_onnx_reads_them(path: Path) -> None:
    assert reader.read(path) == onnx.load(str(path))


def test_every_truncation_of_a_large_weight_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path, a_weight(64, 64, 3, 3))
    content = path.read_bytes()
    for size in range(100, len(content), len(content) // 50):
        path.write_bytes(content[:size])
        with pytest.raises(MeasurementError, match=r"is not an ONNX file|cannot be inferred|reads"):
            graph_from_file(path)


def test_messages_nested_without_end_are_an_error(tmp_path: Path) -> None:
    """A graph in an attribute of a node of a graph, a few hundred times."""

    def wrapped(key: int, body: bytes) -> bytes:
        size, length = len(body), b""
        while size > 0x7F:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([key]) + length + bytes([size]) + body

    body = bytes([0x12]) + b"\xff\x7f" + b"n" * 16383  # a name, so that no level is small
    for _ in range(200):
        body = wrapped(0x0A, wrapped(0x2A, wrapped(0x32, body)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(wrapped(0x3A, body))
    with pytest.raises(MeasurementError, match="not an ONNX file"):
        load(path)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/passwd", "C:/secret.bin"])
def test_external_data_of_a_constant_is_checked_too(tmp_path: Path, place: str) -> None:
    tensor = a_weight(64, 64, 3, 3)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    path = saved(tmp_path, tensor)
    read = onnx.load(str(path), load_external_data=False)
    del read.graph.initializer[:]
    path.write_bytes(read.SerializeToString())
    with pytest.raises(MeasurementError, match="outside its own folder"):
        graph_from_file(path)


def test_a_file_that_is_large_beside_its_weights_is_refused(tmp_path: Path, monkeypatch) -> None:
    path = saved(tmp_path, a_weight(64, 64, 3, 3))
    monkeypatch.setattr(reader, "_MOST", 2 * 2**20)
    assert load(path).graph.node
    made = onnx.load(str(path))
    made.graph.doc_string = "x" * (3 * 2**20)
    path.write_bytes(made.SerializeToString())
    with pytest.raises(MeasurementError, match=r"more than 2 MB beside its weights.*refused"):
        load(path)


def test_a_folder_and_a_file_that_is_not_there_are_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.onnx"):
        with pytest.raises(MeasurementError, match=r"^cannot read .* \([A-Z][a-z ]+\)$"):
            graph_from_file(path)
