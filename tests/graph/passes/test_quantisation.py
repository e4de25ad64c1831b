"""Integers as the real numbers that they stand for; the truth is numpy's clamp and rounding."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import around, ops
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Parameter, Tensor
from zoodiff.graph.passes.weights.quantisation import rectifier


def through_integers(scale: float, zero_point: int) -> Graph:
    """A convolution between numbers of 8 bits, as ONNX writes it."""
    d = Draft()
    steps = {"scale": scale, "zero_point": float(zero_point)}

    def integers(data: str) -> str:
        q = d.add("QuantizeLinear", data, **steps)
        d.tensors[q] = Tensor(q, d.tensors[q].shape, "int8")
        return d.add("DequantizeLinear", q, **steps)

    return d.graph(integers(d.conv(integers("x"))))


@pytest.mark.parametrize(
    ("scale", "zero_point", "after"),
    [
        (0.1, 0, []),  # from -12.8 to 12.7
        (0.1, -128, ["Relu"]),  # from 0 to 25.5
        (6 / 255, -128, ["Clip"]),  # from 0 to 6
        (6 / 255, -127, []),
    ],
)
def test_integers_stand_for_real_numbers(scale: float, zero_point: int, after: list[str]) -> None:
    clean = canonical(through_integers(scale, zero_point))
    assert [node.op for node in clean.nodes] == ["Conv", *after]
    assert clean.nodes[0].attributes["quantized"] is True


@pytest.mark.parametrize(
    ("scale", "zero_point", "bounds"),
    [
        (0.1, -128, (-128, 127)),
        (0.05, 0, (0, 255)),
        (6 / 255, 0, (0, 255)),
        (0.1, 0, (-128, 127)),
        (0.1, 3, (0, 255)),
    ],
)
def test_a_clamp_is_a_rectifier_where_it_cuts_at_zero(scale, zero_point, bounds) -> None:
    low, high = ((bound - zero_point) * scale for bound in bounds)
    x = np.linspace(-20.0, high if abs(high - 6) > scale else 20.0, 1001)
    held = scale * (np.clip(np.rint(x / scale) + zero_point, *bounds) - zero_point)
    found = rectifier(scale, zero_point, bounds)
    assert (found is not None) == (low == 0.0)
    if found is not None:
        op, attributes = found
        top = attributes.get("max", np.inf)
        assert (op == "Clip") == (abs(high - 6.0) <= scale)
        np.testing.assert_allclose(held, np.clip(x, 0.0, top), atol=scale)


def test_integers_of_a_scale_that_is_computed_stay() -> None:
    d = Draft()
    scale = [Parameter("scale", (1,), role="constant")]
    whole = d.add("QuantizeLinear", "x", parameters=scale, scale=None, zero_point=None)
    graph = d.graph(d.add("DequantizeLinear", whole, parameters=scale, scale=None, zero_point=None))
    before, after = around("quantisation", graph)
    assert ops(after) == ops(before) == ["QuantizeLinear", "DequantizeLinear"]


def test_a_layer_between_real_numbers_is_not_marked() -> None:
    d = Draft()
    _, after = around("quantisation", d.graph(d.conv("x")))
    assert "quantized" not in after.nodes[0].attributes
