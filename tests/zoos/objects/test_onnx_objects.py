"""ONNX models in memory and sessions of ONNX Runtime as entries."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest

import zoodiff
from zoodiff.errors import MeasurementError, UsageError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnx_ir = pytest.importorskip("onnx_ir")
from support import readers  # noqa: E402 - it imports torch

pytestmark = [pytest.mark.torch, pytest.mark.onnx]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return readers.export(readers.reader(), tmp_path_factory.mktemp("file") / "reader.onnx")


@pytest.fixture(scope="module")
def changed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = readers.planted(readers.reader(), "epsilon")
    return readers.export(network, tmp_path_factory.mktemp("changed") / "reader.onnx")


def test_a_model_of_onnx_ir_is_its_file_and_keeps_its_weights(
    file: Path, changed_file: Path
) -> None:
    model = onnx_ir.load(file)
    before = {name: value.const_value for name, value in model.graph.initializers.items()}
    report = zoodiff.diff(model, file)
    assert report.same_function is True
    assert report.a.name == "file:onnx_ir.Model main_graph"
    after = {name: value.const_value for name, value in model.graph.initializers.items()}
    assert all(after[name] is tensor for name, tensor in before.items())
    report = zoodiff.diff(model, onnx_ir.load(changed_file))
    assert report.answer.because == ("ARC120",)


def test_weights_in_a_file_beside_the_model_are_read_or_asked_for(
    file: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.onnx"
    onnx.save_model(
        onnx.load(file), outside, save_as_external_data=True, location="w", size_threshold=0
    )
    assert zoodiff.diff(onnx_ir.load(outside), file).same_function is True
    model = onnx.load(outside, load_external_data=False)
    with pytest.raises(
        UsageError, match=r"weights of the onnx.ModelProto main_graph are in a file"
    ):
        zoodiff.diff(model, file)


def test_a_session_is_its_file_or_its_bytes(file: Path, changed_file: Path) -> None:
    of_path = onnxruntime.InferenceSession(file)
    of_bytes = onnxruntime.InferenceSession(file.read_bytes())
    report = zoodiff.diff(of_path, of_bytes)
    assert report.same_function is True
    assert report.notes == (
        "the session of ONNX Runtime is taken as its file reader.onnx, as it is now",
    )
    assert len(repr(report)) < 400
    other = onnxruntime.InferenceSession(changed_file.read_bytes())
    assert zoodiff.diff(of_path, other).answer.because == ("ARC120",)


def test_a_session_whose_model_is_gone_says_so(file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.onnx"
    moved.write_bytes(file.read_bytes())
    session = onnxruntime.InferenceSession(moved)
    moved.unlink()
    with pytest.raises(UsageError, match=r"was made from .*moved\.onnx, which is no longer there"):
        zoodiff.diff(session, file)
    session = onnxruntime.InferenceSession(file.read_bytes())
    session._model_bytes = None
    with pytest.raises(UsageError, match="no longer has the bytes that it was made from"):
        zoodiff.diff(session, file)


def test_what_the_exporter_returns_is_an_entry() -> None:
    pytest.importorskip("onnxscript")
    network = readers.reader()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.onnx.export(network, readers.example(), dynamo=True, verbose=False)
    assert zoodiff.diff(network, exported, example=readers.example()).same_function is True
    changed = readers.planted(network, "bias")
    assert zoodiff.diff(changed, exported, example=readers.example()).same_function is False


def test_a_model_in_memory_is_left_as_it_is_and_named(file: Path) -> None:
    model: Any = onnx.load(file)
    before = copy.deepcopy(model)
    model.graph.node[0].op_type = "NoSuchOperator"
    broken = copy.deepcopy(model)
    with pytest.raises(MeasurementError) as caught:
        zoodiff.diff(model, file)
    assert "main_graph.onnx" in str(caught.value)
    assert model == broken != before
