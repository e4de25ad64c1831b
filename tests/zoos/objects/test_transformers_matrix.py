"""A sample of transformers' architectures beside their own exports, and the program that asks."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from benchmarks import transformers_matrix
from benchmarks.small_transformers import answers, exports, networks, planted

from zoodiff.torch_compat import import_torchvision

pytestmark = [pytest.mark.torch, pytest.mark.onnx]

SAMPLE = (
    ("bert", "dynamo"),
    ("gpt2", "torchscript"),
    ("llama", "torch.export"),
    ("vit", "dynamo"),
    ("wav2vec2", "torchscript"),
)
ONCE_WRONG = (("mistral", "dynamo"), ("aimv2", "torch.export"))


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        with contextlib.suppress(ImportError):
            import_torchvision()  # before transformers imports it
        yield
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("architecture", "exporter"), SAMPLE)
def test_a_network_is_told_from_a_changed_one_and_not_from_its_export(
    architecture: str, exporter: str
) -> None:
    outcome = answers.outcome(architecture, [exporter])
    assert outcome.planted is not None
    assert [outcome.exports[exporter].state, outcome.planted.state] == ["right", "right"]


@pytest.mark.parametrize(("architecture", "exporter"), ONCE_WRONG)
def test_answers_that_were_once_wrong_are_right(architecture: str, exporter: str) -> None:
    outcome = answers.outcome(architecture, [exporter], planted=False)
    assert outcome.exports[exporter].state == "right", outcome.exports[exporter].reason


@pytest.fixture(scope="module")
def sample() -> Any:
    return networks.build("bert")


def test_weights_are_drawn_so_that_nothing_is_neutral(sample: Any) -> None:
    for name, p in sample.network.named_parameters():
        if p.numel() > 1:
            assert float(p.detach().std()) > 0.02, name
    assert sample.parameters < 100_000


def test_a_planted_change_shows_in_the_outputs(sample: Any) -> None:
    change = planted.plant(sample)
    assert change is not None
    apart = max(
        float((x - y).abs().max())
        for inputs in (sample.inputs, *sample.drawn(2))
        for x, y in zip(sample.outputs(inputs), change[1].outputs(inputs), strict=True)
    )
    assert apart > planted.VISIBLE


def test_a_file_of_another_network_is_not_expected_to_be_the_same(
    sample: Any, tmp_path: Path
) -> None:
    path = exports.export(sample, "torch.export", tmp_path)
    assert exports.deviation(sample, path) < exports.ALIKE
    change = planted.plant(sample)
    assert change is not None
    assert exports.deviation(change[1], path) > exports.ALIKE
    assert answers.judged(change[1], path, same=True).state == "wrong"


def test_the_table_counts_what_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = {"state": "right", "reason": "", "seconds": 1.0}
    wrong = {"state": "wrong", "reason": "different functions, expected same", "seconds": 1.0}
    rows = [
        {"architecture": "bert", "state": "built", "exports": {"dynamo": right}, "planted": None},
        {
            "architecture": "gpt2",
            "state": "built",
            "exports": {"dynamo": wrong},
            "planted": right,
            "change": "a bias left out",
        },
        {"architecture": "csm", "state": "not built", "exports": {}},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert transformers_matrix.main([str(file), "--table"]) == 1
    printed = capsys.readouterr().out
    assert "3 architectures, 2 built and run, 2 exported" in printed
    assert "all answers right for 1 of these" in printed
    assert "wrong: gpt2 dynamo: different functions, expected same" in printed
    assert "not built: 1: csm" in printed
