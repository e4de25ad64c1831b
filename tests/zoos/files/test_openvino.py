"""IR files as entries: their format, their weights put in and taken out, their size on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.security.hostile_openvino import network, written
from zoodiff.errors import MeasurementError, UnreadableFileError
from zoodiff.workers.process import Worker
from zoodiff.zoos import registry
from zoodiff.zoos.files.formats import OPENVINO

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]
WEIGHT = np.arange(4, dtype=np.float32).reshape(1, 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    return written(tmp_path, network(), WEIGHT.tobytes())


def test_an_ir_is_known_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, network())
    assert registry.resolve(str(path)).zoo is OPENVINO
    (path.parent / "other.name").write_text("\ufeff\n" + network(head=""), encoding="utf-8")
    assert registry.resolve(str(path.parent / "other.name")).zoo is OPENVINO


def test_the_weights_alone_are_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    written(tmp_path, network())
    with pytest.raises(
        UnreadableFileError, match=r"weights of an OpenVINO IR; name the file a\.xml"
    ):
        registry.resolve(str(tmp_path / "a.bin"))


def test_the_stamp_of_an_ir_follows_its_weights(tmp_path: Path) -> None:
    entry = registry.resolve(str(written(tmp_path, network())))
    before = entry.stamp
    (tmp_path / "a.bin").write_bytes(bytes(20))
    assert entry.stamp[0] == before[0] + 4


class Opened:
    def __init__(self, worker: Worker, path: Path, weights: str = "file") -> None:
        self.worker = worker
        more = {"model": str(path), "weights": weights, "seed": 0, "threads": 1}
        self.answer = worker.call("load", doing="", handle="h", **more)

    def run(self, batch: np.ndarray) -> np.ndarray:
        image = self.worker.put_array(batch.astype(np.float32))
        answer = self.worker.call("run", doing="", handle="h", image=image)
        return np.array(self.worker.get_array(answer["outputs"]))

    def weights(self) -> dict[str, np.ndarray]:
        answer = self.worker.call("weights", doing="", handle="h")
        return {n: np.array(self.worker.get_array(a)) for n, a in answer["arrays"].items()}

    def assign(self, **weights: Any) -> None:
        shared = {name: self.worker.put_array(array) for name, array in weights.items()}
        self.worker.call("assign", doing="", handle="h", weights=shared)


def test_weights_are_read_replaced_and_used(path: Path) -> None:
    image = np.ones((1, 4))
    with Worker(OPENVINO.worker) as worker:
        opened = Opened(worker, path)
        np.testing.assert_array_equal(opened.run(image), WEIGHT + 1)
        np.testing.assert_array_equal(opened.weights()["w"], WEIGHT)
        opened.assign(w=WEIGHT * 2)
        np.testing.assert_array_equal(opened.run(image), WEIGHT * 2 + 1)
        np.testing.assert_array_equal(opened.weights()["w"], WEIGHT * 2)
        with pytest.raises(MeasurementError, match="has the shape"):
            opened.assign(w=WEIGHT[0])
    assert path.with_suffix(".bin").read_bytes() == WEIGHT.tobytes()


def test_constants_that_share_their_bytes_are_replaced_one_by_one(
    path: Path, tmp_path: Path
) -> None:
    """OpenVINO stores equal constants once."""
    second = (
        '<layer id="4" name="v" type="Const" version="opset1">'
        '<data element_type="f32" shape="1,4" offset="0" size="16"/>'
        '<output><port id="0" precision="FP32"><dim>1</dim><dim>4</dim></port></output></layer>'
    )
    shared = network().replace(
        '<layer id="3"',
        second
        + '<layer id="5" name="s" type="Multiply" version="opset1">'
        + '<data auto_broadcast="numpy"/><input><port id="0"><dim>1</dim><dim>4</dim></port>'
        + '<port id="1"><dim>1</dim><dim>4</dim></port></input><output><port id="2" '
        + 'precision="FP32"><dim>1</dim><dim>4</dim></port></output></layer><layer id="3"',
    )
    shared = shared.replace(
        'from-layer="2" from-port="2" to-layer="3" to-port="0"',
        'from-layer="2" from-port="2" to-layer="5" to-port="0"/>'
        '<edge from-layer="4" from-port="0" to-layer="5" to-port="1"/>'
        '<edge from-layer="5" from-port="2" to-layer="3" to-port="0"',
    )
    file = written(tmp_path, shared, WEIGHT.tobytes())
    with Worker(OPENVINO.worker) as worker:
        opened = Opened(worker, file)
        opened.assign(v=np.full((1, 4), 3, np.float32))
        np.testing.assert_array_equal(opened.run(np.ones((1, 4))), (WEIGHT + 1) * 3)


def test_the_graph_names_the_weights_that_the_network_has(path: Path) -> None:
    from zoodiff.zoos.files.openvino import OpenVinoFiles

    backend = OpenVinoFiles()
    graph = backend.describe(str(path), None)
    assert [p.name for node in graph.nodes for p in node.parameters] == ["w"]
    assert backend.facts(str(path), None)["parameters"] == 4


def test_openvino_infers_the_shapes_that_a_file_leaves_open(tmp_path: Path) -> None:
    """A shift of the image has no like in ONNX, so its shape cannot be inferred there."""
    pytest.importorskip("openvino")
    from zoodiff.zoos.files.openvino import OpenVinoFiles
    from zoodiff.zoos.runtime.openvino_session import import_openvino

    ov = import_openvino()
    import openvino.opset15 as ops

    data = ops.parameter([-1, 3, -1, -1], np.float32, name="x")
    moved = ops.roll(data, np.array([1]), np.array([2]))
    kernel = np.ones((2, 3, 3, 3), np.float32)
    found = ops.convolution(moved, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    ov.save_model(ov.Model([found], [data], "n"), tmp_path / "a.xml", compress_to_fp16=False)
    graph = OpenVinoFiles().describe(f"{tmp_path / 'a.xml'}?size=9", None)
    assert [(n.op, graph.tensors[n.outputs[0]].shape) for n in graph.nodes] == [
        ("openvino::Roll", (1, 3, 9, 9)),
        ("Conv", (1, 2, 7, 7)),
    ]


def test_a_damaged_ir_is_one_sentence(path: Path) -> None:
    path.write_text(network()[:500])
    with Worker(OPENVINO.worker) as worker, pytest.raises(MeasurementError, match="valid XML"):
        worker.call("describe", doing="", model=str(path), weights="file")
