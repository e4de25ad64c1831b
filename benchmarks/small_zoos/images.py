"""What networks of images need beside those of transformers."""

from __future__ import annotations

import inspect

import torch
from benchmarks.small_transformers.networks import Sample
from torch import nn


def first_input(model: nn.Module) -> str:
    """Return the name of the argument that a network takes first, its image."""
    return next(iter(inspect.signature(model.forward).parameters))


def runs(sample: Sample) -> str:
    """Why nothing can be asked about a network; empty where it gives numbers for its inputs.

    Networks whose outputs hardly depend on the image count as ones of which nothing can be asked.
    """
    outputs, others = sample.outputs(), sample.outputs(sample.drawn(1)[0])
    if not outputs or not all(
        bool(torch.isfinite(x).all()) for x in outputs if x.is_floating_point()
    ):
        return "it gives no finite numbers"
    if not any(x.numel() for x in outputs):
        return "it gives nothing"
    if not any(x.shape != y.shape or _apart(x, y) for x, y in zip(outputs, others, strict=True)):
        return "its outputs do not depend on the image"
    return ""


def _apart(x: torch.Tensor, y: torch.Tensor) -> bool:
    if not x.numel():
        return False
    return bool((x.double() - y.double()).abs().max() > 1e-3 * x.double().abs().max())
