"""Rounding inside a network that is amplified, while that of its input is not."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import zoodiff

pytestmark = pytest.mark.torch

_SHIFT = 2.0**15
"""Added by the first layer and taken away by the second; next to it numbers are 1/256 apart."""


def _two_layers(shift: float, scale: float = 1.0) -> Any:
    """Layers that compute the same for every shift, which is exact in their biases."""
    generator = torch.Generator().manual_seed(0)

    def eighths(*shape: int) -> torch.Tensor:
        return torch.randint(-8, 9, shape, generator=generator) / 8

    first, second = nn.Linear(8, 16), nn.Linear(16, 4)
    weight, bias = eighths(4, 16), eighths(4)
    with torch.no_grad():
        first.weight.copy_(eighths(16, 8))
        first.bias.fill_(shift)
        second.weight.copy_(scale * weight)
        second.bias.copy_(scale * (bias - shift * weight.sum(1)))
    return nn.Sequential(first, second).eval()


def test_numbers_that_cancel_are_rounding_though_one_unit_of_the_input_moves_nothing() -> None:
    x = torch.randn(2, 8)
    plain, shifted = _two_layers(0.0), _two_layers(_SHIFT)
    with torch.no_grad():
        apart = float((plain(x) - shifted(x)).abs().max() / plain(x).std())
        exact = float((plain.double()(x.double()) - shifted.double()(x.double())).abs().max())
    assert apart > 1e-3
    assert exact < 1e-9  # they are one function
    report = zoodiff.diff(plain.float(), shifted.float(), example=(x,))
    assert report.same_function is True, report.answer


def test_another_function_is_told_beside_such_rounding() -> None:
    plain, scaled = _two_layers(0.0), _two_layers(_SHIFT, scale=1.25)
    report = zoodiff.diff(plain, scaled, example=(torch.randn(2, 8),))
    assert report.same_function is False


def test_a_difference_that_such_rounding_may_hide_is_left_open() -> None:
    """One part in a hundred, beside rounding of some parts in a thousand."""
    plain, scaled = _two_layers(0.0), _two_layers(_SHIFT, scale=1.0078125)
    report = zoodiff.diff(plain, scaled, example=(torch.randn(2, 8),))
    assert report.same_function is not True
