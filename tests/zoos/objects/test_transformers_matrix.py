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
    ("llava", "torch.export"),
    ("patchtst", "dynamo"),
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


def test_the_text_of_a_network_for_images_has_places_for_them() -> None:
    sample = networks.build("llava")
    assert set(sample.inputs) == {"input_ids", "pixel_values", "attention_mask"}
    place, (length,) = sample.network.place, sample.network.prompt.shape[1:]
    ids = sample.inputs["input_ids"]
    assert sample.outputs()[0].shape[1] == length + ids.shape[1]
    ids = ids.clone()
    ids[0, 1] = place  # a text that is drawn may hold the id of a place, which is no place
    assert sample.outputs({**sample.inputs, "input_ids": ids})[0].isfinite().all()


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("detr/DetrForObjectDetection", {"pixel_values"}),
        ("vision-encoder-decoder", {"pixel_values", "decoder_input_ids"}),
        ("speecht5", {"input_values", "decoder_input_values"}),
        ("informer", {"past_values", "past_time_features", "future_values"}),
        ("lxmert", {"input_ids", "visual_feats", "visual_pos"}),
    ],
)
def test_networks_of_all_kinds_are_built(architecture: str, names: set[str]) -> None:
    assert names <= set(networks.build(architecture).inputs)


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
            "inputs": {"input_ids": [2, 10], "pixel_values": [1, 3, 32, 32]},
            "version": "abc+",
        },
        {"architecture": "csm", "state": "not built", "exports": {}},
        {"architecture": "gpt2", "state": "no time", "exports": {}},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert transformers_matrix.main([str(file), "--table"]) == 1
    printed = capsys.readouterr().out
    assert "3 architectures, 2 built and run, 2 exported" in printed
    assert "all answers right for 1 of these" in printed
    assert "0 are another's with a head; series and others 1, text and images 1" in printed
    assert "versions: abc+ (1)" in printed
    assert "wrong: gpt2 dynamo: different functions, expected same" in printed
    assert "not built: 1: csm" in printed
