"""What fuzzing found in files and in what workers send, cut down to what matters."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.fuzzing import kept
from support.fuzzing.mutations import framed
from zoodiff.accuracy.checkpoints import Parts
from zoodiff.accuracy.predictions import from_parquet
from zoodiff.data.layouts import open_images
from zoodiff.errors import (
    MeasurementError,
    StudyError,
    UsageError,
    WorkerError,
    ZoodiffError,
)
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.study import config
from zoodiff.workers import protocol
from zoodiff.zoos.files import formats, sidecar
from zoodiff.zoos.scan import tensors

DEEP = 100_000
"""Levels that no parser by recursive descent can go down."""


def header(name: str, size: str, kind: bytes = b"0") -> bytes:
    """One block of a tar archive, whose size is written as it is."""
    made = bytearray(512)
    for place, value in ((0, name.encode()), (100, b"0000644\0"), (124, size.encode())):
        made[place : place + len(value)] = value
    made[156:157], made[257:265] = kind, b"ustar\x0000"
    made[148:156] = b" " * 8
    made[148:156] = f"{sum(made):06o}\0 ".encode()
    return bytes(made)


def test_a_tar_shard_with_a_negative_size_is_refused(tmp_path: Path) -> None:
    """Python's ``tarfile`` went round in it for ever."""
    block = bytearray(header("a.jpg", "0"))
    block[124:136] = b"\xff" * 10 + b"\xfe\x00"  # -512 in base 256
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    (tmp_path / "a.tar").write_bytes(bytes(block) + bytes(1024))
    with pytest.raises(UsageError):
        open_images(str(tmp_path / "a.tar"))


def test_a_tar_shard_of_headers_behind_headers_is_refused(tmp_path: Path) -> None:
    """``tarfile`` calls itself for each name that is too long."""
    long = header("././@LongLink", "00000000001\0", b"L") + b"a".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(long * 2000 + bytes(1024))
    with pytest.raises(UsageError, match="cannot be read"):
        open_images(str(tmp_path / "a.tar"))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_tar_header_takes_no_more_memory_than_the_file_has(tmp_path: Path, kind: bytes) -> None:
    """Eight gigabytes were taken for what a header said of its own length."""
    import tracemalloc

    (tmp_path / "a.tar").write_bytes(header("a", "77777777777", kind) + bytes(2048))
    tracemalloc.start()
    try:
        with pytest.raises(UsageError):
            open_images(str(tmp_path / "a.tar"))
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_a_label_of_brackets_is_no_label(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, content in (("1.jpg", b"x"), ("1.json", b"[" * DEEP)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert open_images(str(tmp_path / "a.tar")).samples[0].label is None


def test_a_damaged_devkit_is_refused(tmp_path: Path) -> None:
    """scipy hands on what zlib raises."""
    (tmp_path / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    (tmp_path / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n")
    packed = zlib.compress(bytes(64))[:-8] + b"\xff" * 8
    head = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM"
    (tmp_path / "meta.mat").write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(UsageError, match="devkit"):
        open_images(str(tmp_path))


def test_a_tfrecord_without_an_images_bytes_is_damage_of_one_image(tmp_path: Path) -> None:
    pytest.importorskip("crc32c")
    example = b"\x0a\x0b\x0a\x09\x0a\x05image\x12\x00"
    (tmp_path / "a.tfrecord").write_bytes(framed([example]))
    found = open_images(str(tmp_path / "a.tfrecord"))
    with pytest.raises(OSError, match="no bytes"):
        found.read(0)


@pytest.mark.parametrize("label", [float("nan"), float("inf"), "three", [1]])
def test_labels_that_are_no_numbers_are_refused_in_parquet(tmp_path: Path, label: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [b"x"], "label": [label]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="cannot be read"):
        open_images(str(tmp_path / "a.parquet"))


def test_more_images_than_a_parquet_file_has_bytes_are_refused(tmp_path: Path) -> None:
    """A few hundred bytes stand for any number of equal rows, each of which takes memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.nulls(3_000_000, pa.binary())
    pq.write_table(pa.table({"image": rows}), tmp_path / "a.parquet", row_group_size=3_000_000)
    with pytest.raises(UsageError, match="3,000,000 images in"):
        open_images(str(tmp_path / "a.parquet"))


def test_an_archive_of_a_future_version_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"")
    data = bytearray(buffer.getvalue())
    data[data.index(b"PK\x01\x02") + 6] = 255  # version needed to extract
    (tmp_path / "a.keras").write_bytes(bytes(data))
    with pytest.raises(UsageError, match="damaged archive"):
        formats.recognise(tmp_path / "a.keras")


def test_toml_of_brackets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not TOML"):
        config.parse("a = " + "[" * DEEP)
    (tmp_path / "m.toml").write_text("a = " + "[" * DEEP)
    with pytest.raises(UsageError, match="as TOML"):
        sidecar.read(tmp_path / "m.onnx")


def test_labels_of_a_name_that_no_file_has_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(f'labels = "{"a" * 300}"')
    with pytest.raises(UsageError, match="no label space"):
        sidecar.read(tmp_path / "m.onnx")


@pytest.mark.keras
@pytest.mark.parametrize("damage", ["type", "size"])
def test_a_constant_that_is_no_tensor_is_refused(tmp_path: Path, damage: str) -> None:
    tf = pytest.importorskip("tensorflow")
    from support.fuzzing.tensorflow_files import frozen_seeds
    from zoodiff.zoos.files.tensorflow import TensorFlowFiles

    definition = tf.compat.v1.GraphDef.FromString(frozen_seeds()[0])
    constant = next(node for node in definition.node if node.op == "Const")
    tensor = constant.attr["value"].tensor
    if damage == "type":
        tensor.dtype = 0
    else:
        tensor.tensor_shape.dim.add(size=32_768)
    path = tmp_path / "m.pb"
    path.write_bytes(definition.SerializeToString())
    held = TensorFlowFiles()._constants(path)
    with pytest.raises(MeasurementError, match=f"the constant {constant.name} is no tensor"):
        held[constant.name]


def test_a_damaged_part_counts_as_missing(tmp_path: Path) -> None:
    whole = kept.part_seeds()[0]
    parts = Parts(LocalFiles(tmp_path.parent), tmp_path.name)
    assert not parts.has(1)
    for number, data in enumerate((b"", whole[:-30], b"\x93NUMPY\x01\x00", b"PK\x03\x04")):
        (tmp_path / f"{number:06d}.npz").write_bytes(data)
        assert not parts.has(number)


@pytest.mark.parametrize("member", ["images", "0/classes", "0/rank"])
def test_a_part_with_an_answer_too_many_counts_as_missing(tmp_path: Path, member: str) -> None:
    """Its members' checksums are right, since they were written with it."""
    with np.load(io.BytesIO(kept.part_seeds()[0])) as found:
        arrays = dict(found)
    arrays[member] = np.concatenate([arrays[member], arrays[member][-1:]])
    np.savez(tmp_path / "000000.npz", **arrays)
    assert not Parts(LocalFiles(tmp_path.parent), tmp_path.name).has(0)


def test_what_is_no_predictions_is_refused() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": [1]}), buffer)
    for data in (b"", b"PAR1" * 4, buffer.getvalue()):
        with pytest.raises(MeasurementError, match="no predictions"):
            from_parquet(data)


@pytest.mark.parametrize("name", ["../../mine.json", "/mine.json", "records/mine.json", "a/b"])
def test_a_manifest_reaches_nothing_outside_the_records(tmp_path: Path, name: str) -> None:
    """Files that are no records are set aside, so a manifest could move any file of the user's."""
    (tmp_path / "mine.json").write_text("precious")
    store = Store(tmp_path / "a" / "results")
    raw = kept.manifest_of([]).model_dump(mode="json") | {"records": [name]}
    folder = tmp_path / "a" / "results" / "runs" / "s"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(raw))
    assert store.read_manifest("s") is None
    assert (tmp_path / "mine.json").read_text() == "precious"


# What a worker sends


def test_a_frame_of_brackets_is_no_frame() -> None:
    with pytest.raises(protocol.ProtocolError, match="not JSON"):
        protocol.unpack(b"[" * DEEP)


@pytest.mark.parametrize(
    "answer",
    [{"id": 1}, {"id": 1, "error": None}, {"id": 1, "error": ["x"]}, {"id": 1, "error": 3}],
)
def test_answers_without_an_answer_are_the_workers_fault(answer: Any) -> None:
    body = json.dumps(answer).encode()
    with pytest.raises(WorkerError):
        kept.frames(struct.pack(">I", len(body)) + body)


GRAPH: dict[str, Any] = {
    "source": "s",
    "inputs": [{"name": "x", "shape": [1, 3, 4, 4], "dtype": "float32"}],
    "outputs": [{"name": "x", "shape": [1, 3, 4, 4], "dtype": "float32"}],
    "nodes": [],
    "tensors": {
        "x": {"name": "x", "shape": [1, 3, 4, 4], "dtype": "float32"},
        "y": {"name": "y", "shape": [1, 2, 4, 4], "dtype": "float32"},
    },
    "unused_parameters": [],
}
WINDOW = {
    "kernel_shape": [3, 3],
    "strides": [1, 1],
    "dilations": [1, 1],
    "pads": [1, 1, 1, 1],
    "group": 1,
    "out_channels": 2,
}
NODE = {
    "op": "Conv",
    "name": "n",
    "inputs": ["x"],
    "outputs": ["y"],
    "attributes": WINDOW,
    "parameters": [],
}


def graph_of(**changes: Any) -> dict[str, Any]:
    """The graph with one node, changed."""
    return {"graph": {**GRAPH, "nodes": [{**NODE, **changes}]}}


def test_the_graphs_that_are_changed_below_are_sound() -> None:
    facts = {"facts": {"parameters": 3, "statistics": 0}, "seconds": 0.1, "peak_rss_bytes": 1}
    kept.answers(json.dumps({**facts, **graph_of()}).encode())
    kept.answers(json.dumps({**facts, "graph": GRAPH}).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"graph": None},
        {"graph": {**GRAPH, "source": 3}},
        {"graph": {**GRAPH, "inputs": [{"name": "x", "shape": ["a"], "dtype": "f"}]}},
        {"graph": {**GRAPH, "tensors": {}}},
        {"graph": {**GRAPH, "outputs": [{"name": "z", "shape": [1], "dtype": "float32"}]}},
        graph_of(attributes={}),
        graph_of(attributes={"a": {}}),
        graph_of(attributes={**WINDOW, "dilations": "k"}),
        graph_of(attributes={**WINDOW, "group": 1.5}),
        graph_of(attributes={**WINDOW, "kernel_shape": [3]}),
        graph_of(inputs=["z"]),
        graph_of(outputs=["x"]),
        graph_of(outputs=["y", "y"]),
        {"facts": None},
        {"facts": {"parameters": "many", "statistics": 0}},
        {"seconds": None},
        {"peak_rss_bytes": float("inf")},
    ],
)
def test_descriptions_that_are_none_are_the_workers_fault(changes: dict[str, Any]) -> None:
    answer = {
        "graph": GRAPH,
        "facts": {"parameters": 3, "statistics": 0},
        "seconds": 0.1,
        "peak_rss_bytes": 1,
    }
    with pytest.raises(WorkerError):
        kept.answers(json.dumps({**answer, **changes}).encode())


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Transpose", {"perm": [5, 4]}),
        ("Gather", {"index": 1, "axis": 7}),
        ("Slice", {"starts": [1], "ends": [2], "axes": [9]}),
        ("ReduceMean", {"axes": [8]}),
        ("MaxPool", {}),
    ],
)
def test_a_graph_that_contradicts_itself_has_no_canonical_form(
    op: str, attributes: dict[str, Any]
) -> None:
    raw = graph_of(op=op, attributes=attributes)["graph"]
    raw["outputs"] = [{"name": "y", "shape": [1, 2, 4, 4], "dtype": "float32"}]
    with pytest.raises(MeasurementError, match="contradicts itself"):
        canonical(Graph.from_dict(raw))


def test_offsets_without_end_are_no_offsets(tmp_path: Path) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [Infinity, 4]}}'
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(MeasurementError, match="no safetensors file"):
        tensors.check(path)


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("accuracy", "conditions", {}),
        ("accuracy", "conditions", {"data_sha256": None}),
        ("latency", "environment", {"machine": 3, "workers": {}}),
        ("latency", "environment", {"workers": {}}),
        ("latency", "environment", {"machine": {}, "workers": {"keras": []}}),
    ],
)
def test_records_that_leave_out_what_is_compared_are_reported(
    kind: str, place: str, value: Any
) -> None:
    record = json.loads(kept.record_of(kind, "torchvision:resnet50").to_bytes())
    where = record["values"] if place == "environment" else record
    where[place] = value
    record["architecture"] = "resnet18"  # as the other's
    kept.record(json.dumps(record).encode())


# Networks


@pytest.mark.onnx
def test_an_onnx_files_odd_types_and_nodes_are_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    from support.fuzzing.onnx_files import onnx as parse

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
    unknown = helper.make_model(
        helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value])
    )
    tensor = unknown.graph.initializer.add()
    tensor.name, tensor.data_type = "w", 99
    tensor.dims.append(2)
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "b", [], [value])
    nameless = helper.make_model(helper.make_graph([], "g", [value], [value]))
    node = nameless.graph.node.add(op_type="If")
    node.attribute.append(helper.make_attribute("then_branch", branch))
    outside = onnx.ModelProto.FromString(unknown.SerializeToString())
    held = outside.graph.initializer[0]
    held.data_type, held.data_location = TensorProto.INT64, TensorProto.EXTERNAL
    for key, said in (("location", "a" * 5000), ("offset", str(2**70)), ("length", "16")):
        held.external_data.add(key=key, value=said)
    for model in (unknown, nameless, outside):
        try:
            parse(model.SerializeToString())
        except ZoodiffError as error:
            assert str(error)
    with pytest.raises(MeasurementError, match="its node If has no output"):
        parse(nameless.SerializeToString())


@pytest.mark.onnx
def test_shapes_that_wait_for_each_other_are_inferred_a_hundred_times_at_most() -> None:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    from zoodiff.frontends.onnx import shapes
    from zoodiff.frontends.onnx.file import graph_from_model

    nodes = []
    for k in range(150):
        nodes.append(helper.make_node("Shape", [f"x{k}"], [f"s{k}"]))
        nodes.append(helper.make_node("Reshape", [f"x{k}", f"s{k}"], [f"x{k + 1}"]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [*nodes, helper.make_node("Mystery", [f"x{150}"], ["y"])],
        "g",
        [value("x0", TensorProto.FLOAT, [1, 3])],
        [value("y", TensorProto.FLOAT, None)],
    )
    counted = 0

    def once(*_: Any) -> bool:
        nonlocal counted
        counted += 1
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_fold", once)
        with contextlib.suppress(MeasurementError):
            graph_from_model(helper.make_model(graph), "test")
    assert 0 < counted <= 100


def test_what_a_file_makes_a_frontend_raise_is_one_sentence(tmp_path: Path) -> None:
    from zoodiff.zoos.files.guarded import guarded

    @guarded
    class Backend:
        def describe(self, model: str, weights: str | None) -> None:
            raise AttributeError("no such thing")

        def facts(self, model: str, weights: str | None) -> None:
            raise UsageError("said already")

        def load(self, model: str, weights: str | None) -> None:
            raise RecursionError

    with pytest.raises(MeasurementError, match=r"m\.onnx cannot be described \(AttributeError"):
        Backend().describe("/a/m.onnx?size=3", None)
    with pytest.raises(UsageError, match="said already"):
        Backend().facts("/a/m.onnx", None)
    with pytest.raises(MeasurementError, match="cannot be loaded"):
        Backend().load("/a/m.onnx", None)
