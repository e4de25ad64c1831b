"""A small network of PyTorch that takes ids and a mask, its ONNX file, and planted changes."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import torch

PLANTS = ("bias", "epsilon", "row")


class Reader(torch.nn.Module):
    """Ids and a mask in: embedding, one layer of attention, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(60, 16)
        self.norm = torch.nn.LayerNorm(16)
        self.project = torch.nn.Linear(16, 48)
        self.drop = torch.nn.Dropout(0.1)
        self.head = torch.nn.Linear(16, 3)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.table(ids))
        query, key, value = self.project(x).chunk(3, dim=-1)
        scores = query @ key.transpose(-1, -2) / 4.0
        scores = torch.where(mask[:, None, :], scores, torch.full_like(scores, -1e4))
        return self.head(self.drop(torch.softmax(scores, dim=-1) @ value))


def reader() -> Reader:
    """The network in evaluation mode, the same weights each time."""
    torch.manual_seed(0)
    return Reader().eval()


def example() -> tuple[Any, Any]:
    """Ids and a mask."""
    return torch.arange(10)[None], torch.arange(10)[None] < 7


def planted(network: Reader, plant: str) -> Reader:
    """A copy with one change: of a bias, of an epsilon, or of two rows of the table."""
    changed = copy.deepcopy(network)
    with torch.no_grad():
        if plant == "bias":
            changed.head.bias[1] += 0.01
        elif plant == "row":
            changed.table.weight[[58, 59]] = changed.table.weight[[59, 58]]
        else:
            changed.norm.eps = 1e-2
    return changed


def export(network: Any, path: Path) -> Path:
    """Write the network as an ONNX file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            example(),
            path,
            input_names=["ids", "mask"],
            opset_version=17,
            dynamo=False,
        )
    return path
