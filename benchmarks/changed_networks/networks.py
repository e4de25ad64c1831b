"""The networks that are changed: architectures of transformers, and recurrent networks."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import torch
from benchmarks.small_transformers.networks import Sample, build, draw_weights, plain
from torch import nn

TRANSFORMERS = (
    "bert",
    "roberta",
    "gpt2",
    "llama",
    "mistral",
    "gemma",
    "t5",
    "bart",
    "vit",
    "swin",
    "convnext",
    "wav2vec2",
    "clip_text_model",
    "clip_vision_model",
)
"""Base models: encoders, decoders with rotary positions and grouped queries, relative positions,
patches, shifted windows, convolutions, sound, text and images."""


class Tagger(nn.Module):  # type: ignore[misc]
    """Ids that are embedded, read by a recurrent layer, normalised and classified."""

    def __init__(self, recurrent: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(400, 12)
        self.memory = getattr(nn, recurrent)(12, 8, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.hidden = nn.Linear(8, 16)
        self.activation = nn.GELU()
        self.head = nn.Linear(16, 5)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return scores of five classes for each id."""
        sequence, _ = self.memory(self.embed(input_ids))
        scores: torch.Tensor = self.head(self.activation(self.hidden(self.norm(sequence))))
        return scores


def _tagger(recurrent: str) -> Sample:
    torch.manual_seed(0)
    model = Tagger(recurrent).eval()
    draw_weights(model, zlib.crc32(recurrent.encode()))
    generator = torch.Generator().manual_seed(2)
    ids = {"input_ids": torch.randint(3, 90, (2, 10), generator=generator)}
    return Sample(recurrent.lower(), plain(model, ("input_ids",), {}), ids, "narrow")


def _tied_decoder() -> Sample:
    """A decoder whose table of ids also makes its scores."""
    from transformers import GPT2LMHeadModel

    base = build("gpt2")
    configuration: Any = base.network.model.config
    torch.manual_seed(0)
    model = GPT2LMHeadModel(configuration).eval()
    draw_weights(model, 7)
    fixed = {"use_cache": False}
    network = plain(model, tuple(base.inputs), fixed)
    return Sample("gpt2_with_head", network, base.inputs, base.level)


_OTHERS: dict[str, Callable[[], Sample]] = {
    "lstm": lambda: _tagger("LSTM"),
    "gru": lambda: _tagger("GRU"),
    "gpt2_with_head": _tied_decoder,
}
NAMES = (*TRANSFORMERS, *_OTHERS)
"""All networks."""


def sample(name: str) -> Sample:
    """Return a network with drawn weights and the inputs that it takes."""
    return _OTHERS[name]() if name in _OTHERS else build(name)
