"""Scripts of PyTorch as entries: traced and scripted modules beside what they were made of."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import zoodiff
from zoodiff.errors import MeasurementError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from support import readers  # noqa: E402 - it imports torch
from zoodiff.zoos.objects.torch_scripts import HeldScript  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.onnx]


def script(kind: str, network: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "traced":
            return torch.jit.trace(network, readers.example())
        return torch.jit.script(network)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return readers.export(readers.reader(), tmp_path_factory.mktemp("file") / "reader.onnx")


@pytest.mark.parametrize("kind", ["traced", "scripted"])
def test_a_script_is_the_function_of_its_module_and_its_export(kind: str, exported: Path) -> None:
    held = script(kind, readers.reader())
    example = readers.example()
    assert zoodiff.diff(held, exported, example=example).same_function is True
    named = {"mask": example[1], "ids": example[0]}
    report = zoodiff.diff(held, readers.reader(), example=named)
    assert report.same_function is True
    assert report.a.name == "object:Reader"
    assert [tensor.name for tensor in report.a.graph.inputs] == ["ids", "mask"]


@pytest.mark.parametrize("plant", readers.PLANTS)
def test_a_change_in_a_script_is_told(plant: str) -> None:
    network = readers.reader()
    changed = script("scripted", readers.planted(network, plant))
    report = zoodiff.diff(changed, network, example=readers.example())
    assert report.same_function is False
    assert report.answer.because == {"epsilon": ("ARC120",)}.get(plant, ("weights",))


def test_the_weights_of_a_script_are_read_where_they_are() -> None:
    held = script("scripted", readers.reader())
    network = HeldScript(held, readers.example()).load("", None, seed=0, threads=1)
    weights = network.weights()  # type: ignore[attr-defined]
    for name, parameter in held.named_parameters():
        assert weights[name].ctypes.data == parameter.data_ptr()
        assert not weights[name].flags.writeable


def test_a_script_stays_in_training_mode_and_is_not_run() -> None:
    held = script("scripted", readers.reader().train())
    report = zoodiff.diff(held, readers.reader(), example=readers.example())
    assert report.same_function is None
    assert report.notes == ("Reader is in training mode, so it is compared as a graph only",)
    assert held.training


def test_what_a_script_lacks_is_one_sentence() -> None:
    held = script("scripted", readers.reader())
    with pytest.raises(MeasurementError, match=r"example=\(ids, mask,\)"):
        zoodiff.diff(held, readers.reader())
    with pytest.raises(UsageError, match=r"takes \(ids, mask\)"):
        zoodiff.diff(held, readers.reader(), example=readers.example()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.freeze(held)
    with pytest.raises(MeasurementError, match="before it is frozen"):
        zoodiff.diff(frozen, readers.reader(), example=readers.example())


def test_converting_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    held = script("scripted", readers.reader())
    capfd.readouterr()
    zoodiff.describe(held, example=readers.example())
    assert capfd.readouterr() == ("", "")
