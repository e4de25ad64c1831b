"""Modules and programs as entries: the answers, and that they stay as they were."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import zoodiff
from zoodiff.cores import count_usable_cores
from zoodiff.errors import MeasurementError, UsageError

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from support import readers  # noqa: E402 - it imports torch

pytestmark = [pytest.mark.torch, pytest.mark.onnx]


@pytest.fixture(scope="module")
def model() -> Any:
    return readers.reader()


@pytest.fixture(scope="module")
def example() -> Any:
    return readers.example()


@pytest.fixture(scope="module")
def exported(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return readers.export(model, tmp_path_factory.mktemp("exported") / "reader.onnx")


def test_a_module_and_its_export_are_one_function(model: Any, example: Any, exported: Path) -> None:
    before = copy.deepcopy(model.state_dict())
    report = zoodiff.diff(model, exported, example=example)
    assert report.same_function is True
    assert len(repr(report)) < 400
    assert report.a.name == "object:Reader"
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not model.training


@pytest.mark.parametrize("plant", readers.PLANTS)
def test_a_planted_change_is_another_function(
    model: Any, example: Any, exported: Path, plant: str
) -> None:
    changed = readers.planted(model, plant)
    assert zoodiff.diff(changed, str(exported), example=example).same_function is False


def test_programs_models_in_memory_and_paths_are_entries(
    model: Any, example: Any, exported: Path
) -> None:
    program = torch.export.export(model, example)
    proto = onnx.load(exported)
    assert zoodiff.diff(program, proto).same_function is True
    named = {"mask": example[1], "ids": example[0]}
    report = zoodiff.diff(program, model, example=named)
    assert report.same_function is True
    with pytest.raises(UsageError, match=r"takes \(ids, mask\), and the example has 1 tensor"):
        zoodiff.diff(program, model, example=example[:1])


def test_graph_and_fingerprint_of_an_object_are_those_of_its_program(
    model: Any, example: Any, tmp_path: Path
) -> None:
    path = tmp_path / "reader.pt2"
    torch.export.save(torch.export.export(model, example), path)
    of_object = zoodiff.fingerprints([model, model, path], structure=True, example=example)
    assert len(of_object) == 3
    assert len(set(of_object.values())) == 1
    graph = zoodiff.describe(model, example=example)
    assert [tensor.name for tensor in graph.inputs] == ["ids", "mask"]


def test_training_mode_is_said_and_kept(model: Any, example: Any, exported: Path) -> None:
    trained = copy.deepcopy(model).train()
    report = zoodiff.diff(trained, exported, example=example)
    assert report.same_function is None
    assert "training mode" in report.answer.reason
    assert "training mode" in report.notes[0]
    assert trained.training


def test_an_image_is_guessed_and_takes_the_size_of_the_other(tmp_path: Path) -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(4, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    ).eval()
    path = tmp_path / "image.pt2"
    torch.export.save(torch.export.export(network, (torch.randn(1, 4, 20, 20),)), path)
    report = zoodiff.diff(network, path)
    assert report.same_function is True
    assert report.a.graph.inputs[0].shape == (1, 4, 20, 20)


def test_what_cannot_be_asked_is_answered_with_what_to_give(
    model: Any, example: Any, exported: Path
) -> None:
    with pytest.raises(MeasurementError, match=r"example=\(ids, mask,\)") as caught:
        zoodiff.diff(model, exported)
    if count_usable_cores() > 1:  # else the second network is not described
        assert "reader.onnx takes --input 'ids=int64[1,10]' --input 'mask=bool" in str(caught.value)
    with pytest.raises(UsageError, match="no network that zoodiff knows"):
        zoodiff.diff(42, exported)
    with pytest.raises(UsageError, match="stays as it is"):
        zoodiff.diff(model, exported, example=example, prove=True)
    with pytest.raises(UsageError, match=r"takes \(ids, mask\).*missing.*mask"):
        zoodiff.diff(model, exported, example=example[:1])


class Beside(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Takes a second input that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, data: Any, unread: Any) -> Any:
        return self.linear(data) + 0 * unread.shape[0]


@pytest.mark.parametrize("kind", ["file", "program", "onnx"])
def test_an_input_that_nothing_reads_is_no_hindrance(kind: str, tmp_path: Path) -> None:
    model, example = Beside().eval(), (torch.randn(2, 4), torch.zeros(3, dtype=torch.int64))
    program: Any = torch.export.export(model, example)
    if kind == "file":
        torch.export.save(program, tmp_path / "beside.pt2")
        program = tmp_path / "beside.pt2"
    elif kind == "onnx":
        torch.onnx.export(model, example, tmp_path / "beside.onnx", dynamo=True, verbose=False)
        program = tmp_path / "beside.onnx"
    report = zoodiff.diff(model, program, example=example)
    assert report.same_function is True
    assert report.answer.domain.inputs[-1].startswith("unread, which nothing in ")
    assert report.answer.domain.inputs[-1].endswith(" reads, zeros")
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.linear.bias[1] += 1
    assert zoodiff.diff(changed, program, example=example).same_function is False
