"""Small networks of timm and torchvision, and what is right about them and their exports."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

import torch
from benchmarks import zoo_matrix
from benchmarks.small_transformers import answers
from benchmarks.small_zoos import kernels, timm_families, torchvision_tasks

from zoodiff.torch_compat import import_torchvision

pytestmark = [
    pytest.mark.torch,
    pytest.mark.onnx,
    # Importing them needs what the fixture does first.
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("timm", "torchvision")),
        reason="timm or torchvision is not installed",
    ),
]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        with contextlib.suppress(ImportError):
            import_torchvision()  # before timm imports it
        yield
        logging.disable(logging.NOTSET)


def test_a_family_is_told_from_a_changed_one_and_not_from_its_export() -> None:
    outcome = answers.outcome("resnet", ["torchscript"], build=timm_families.build)
    assert outcome.planted is not None
    assert [outcome.exports["torchscript"].state, outcome.planted.state] == ["right", "right"]


def test_every_family_has_a_network_and_every_task_builders() -> None:
    import timm

    assert set(timm_families.families()) == set(timm.list_modules())
    tasks = torchvision_tasks.builders()
    assert set(tasks.values()) == set(torchvision_tasks.TASKS)
    assert tasks["quantized_resnet18"] == "quantization"
    assert tasks["ssd300_vgg16"] == "detection"


def test_a_network_is_made_smaller_by_the_arguments_that_it_takes() -> None:
    sample = timm_families.build("beit")
    assert "depth=2" in sample.level
    assert sample.parameters < 1_000_000  # of 86 million
    assert sample.outputs()[0].shape == (1, 10)


def test_a_box_that_overlaps_a_better_one_is_dropped() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 5, 10, 15]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.4])
    # Unions by hand: 90 of 100 for the first two, 40 of 150 for the second and the last.
    assert kernels.nms(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert kernels.nms(boxes, scores, 0.25).tolist() == [1, 2]


def test_detections_are_held_against_each_other_in_any_order() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [5, 5, 20, 20]])
    labels, scores = np.array([1, 2]), np.array([0.9, 0.8])
    found = [boxes, labels, scores]
    assert torchvision_tasks.sets_apart(found, [x[::-1] for x in found]) == 0.0
    assert torchvision_tasks.sets_apart(found, [boxes, labels[::-1], scores]) > 0.4
    assert torchvision_tasks.sets_apart(found, [x[:1] for x in found]) == float("inf")
    assert torchvision_tasks.sets_apart(found, [boxes + 0.2, labels, scores]) == pytest.approx(0.01)


def test_the_table_counts_families(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = {"state": "right", "reason": "", "seconds": 1.0}
    row = {"architecture": "beit", "state": "built", "exports": {"dynamo": verdict}}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert zoo_matrix.main(["timm", str(file), "--table"]) == 0
    printed = capsys.readouterr().out
    assert "1 families, 1 built and run, 1 exported by at least one exporter; all" in printed
