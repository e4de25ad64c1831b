"""One change of a network that shows in its outputs: a norm, rows of weights, an activation."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from dataclasses import replace

import torch
from benchmarks.small_transformers.networks import Plain, Sample
from torch import nn

VISIBLE = 1e-3
"""Least deviation, relative to the spread, of a change that counts."""
_EPSILONS = ("eps", "variance_epsilon", "epsilon", "layer_norm_eps")


def plant(sample: Sample) -> tuple[str, Sample] | None:
    """Return the name of a change and a changed copy; None where none that is tried shows.

    Which change is tried first depends on the architecture's name.
    """
    kinds = list(_KINDS)
    start = zlib.crc32(sample.architecture.encode()) % len(kinds)
    for name in kinds[start:] + kinds[:start]:
        changed = copy.deepcopy(sample.network)
        assert isinstance(changed, Plain)
        if not _KINDS[name](changed.model):
            continue
        other = replace(sample, network=changed)
        if _shows(sample, other):
            return name, other
    return None


def _shows(a: Sample, b: Sample) -> bool:
    for inputs in (a.inputs, *a.drawn(2)):
        if a.apart is not None:
            outputs = ([x.numpy() for x in each.outputs(inputs)] for each in (a, b))
            if a.apart(*outputs) > VISIBLE:
                return True
            continue
        for x, y in zip(a.outputs(inputs), b.outputs(inputs), strict=True):
            spread = float((x - x.mean()).abs().max())
            if float((x - y).abs().max()) > VISIBLE * max(spread, 1e-6):
                return True
    return False


def _epsilon(model: nn.Module) -> bool:
    """Set the epsilon of the last norm to a tenth."""
    for module in reversed(list(model.modules())):
        for name in _EPSILONS:
            weighted = next(module.parameters(recurse=False), None) is not None
            if weighted and isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.1)
                return True
    return False


def _rows(model: nn.Module) -> bool:
    """Exchange two rows of the last linear layer."""
    layers = [m for m in model.modules() if isinstance(m, nn.Linear) and len(m.weight) > 3]
    if not layers:
        return False
    with torch.no_grad():
        weight = layers[-1].weight
        weight[[0, 2]] = weight[[2, 0]].clone()
    return True


def _bias(model: nn.Module) -> bool:
    """Leave out the first bias."""
    biases = [p for name, p in model.named_parameters() if name.endswith("bias") and p.ndim == 1]
    if not biases:
        return False
    with torch.no_grad():
        biases[0].zero_()
    return True


def _activation(model: nn.Module) -> bool:
    """Replace the first activation by another one."""
    for module in model.modules():
        for name, child in module.named_children():
            kind = type(child).__name__
            if "GELU" in kind or kind in {"SiLU", "SiLUActivation", "ReLU", "Swish"}:
                other = nn.ELU() if "ReLU" in kind else nn.ReLU()
                setattr(module, name, other.eval())
                return True
    return False


_KINDS: dict[str, Callable[[nn.Module], bool]] = {
    "another epsilon": _epsilon,
    "two rows exchanged": _rows,
    "a bias left out": _bias,
    "another activation": _activation,
}
