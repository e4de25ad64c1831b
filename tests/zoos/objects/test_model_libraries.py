"""Models of Hugging Face and timm as entries, built from small random configurations."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import MeasurementError, UsageError

torch = pytest.importorskip("torch")
from zoodiff.torch_compat import import_torchvision  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def transformers() -> Any:
    import_torchvision()
    return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def encoder(transformers: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=20,
        max_position_embeddings=16,
    )
    return transformers.BertModel(config).eval()


def test_an_encoder_and_its_program_are_one_function(encoder: Any) -> None:
    mask = torch.ones(1, 8, dtype=torch.int64)
    example = {"attention_mask": mask, "input_ids": torch.arange(8)[None]}
    program = torch.export.export(encoder, (), {**example, "return_dict": True}, strict=False)
    report = zoodiff.diff(encoder, program, example=example)
    assert report.same_function is True
    assert report.notes == ()
    changed = copy.deepcopy(encoder)
    changed.encoder.layer[0].output.LayerNorm.eps = 1e-3
    assert zoodiff.diff(changed, program, example=example).answer.because == ("ARC120",)
    changed = copy.deepcopy(encoder)
    with torch.no_grad():
        changed.embeddings.word_embeddings.weight[[58, 59]] = (
            changed.embeddings.word_embeddings.weight[[59, 58]]
        )
    assert zoodiff.diff(changed, program, example=example).same_function is False


def test_what_a_tokenizer_returns_is_an_example(encoder: Any, transformers: Any) -> None:
    example = transformers.BatchEncoding({"input_ids": np.arange(8)[None]})
    assert zoodiff.diff(encoder, copy.deepcopy(encoder), example=example).same_function is True


def test_a_decoder_is_called_without_its_cache_and_says_so(transformers: Any) -> None:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=16,
        bos_token_id=1,
        eos_token_id=1,
    )
    network = transformers.GPT2LMHeadModel(config).eval()
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.transformer.h[0].mlp.c_fc.bias[0] += 0.1
    example = {"input_ids": torch.arange(8)[None]}
    report = zoodiff.diff(network, changed, example=example)
    assert report.notes[0] == "GPT2LMHeadModel is called with use_cache=False"
    assert report.same_function is False
    assert network.config.use_cache
    report = zoodiff.diff(network, network, example={**example, "use_cache": False})
    assert (report.same_function, report.notes) == (True, ())


def test_what_is_missing_or_misspelled_is_one_sentence(encoder: Any) -> None:
    with pytest.raises(MeasurementError, match=r"example=\{'input_ids': input_ids\}"):
        zoodiff.diff(encoder, encoder)
    with pytest.raises(UsageError, match="takes no input_id; did you mean input_ids"):
        zoodiff.diff(encoder, encoder, example={"input_id": torch.arange(8)[None]})
    with pytest.raises(UsageError, match="holds no tensor and no array"):
        zoodiff.diff(encoder, encoder, example={"input_ids": [[1, 2, 3]]})
    with pytest.raises(MeasurementError, match=r"cannot trace BertModel .*at modeling_bert.py:"):
        zoodiff.diff(encoder, encoder, example={"input_ids": torch.rand(1, 8)})
    report = zoodiff.diff(encoder, encoder, example={"input_ids": torch.full((1, 8), 60)})
    assert "input_ids holds 60, and the smallest table" in report.answer.reason


def test_a_network_of_timm_needs_no_example() -> None:
    import_torchvision()
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", pretrained=False, num_classes=5).eval()
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.fc.bias[1] += 0.1
    assert zoodiff.diff(network, copy.deepcopy(network)).same_function is True
    report = zoodiff.diff(network, changed)
    assert report.answer.because == ("weights",)
    assert report.a.graph.inputs[0].shape == (1, *network.pretrained_cfg["input_size"])
