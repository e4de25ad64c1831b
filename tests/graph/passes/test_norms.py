"""Layer norms that are written out; the truth is numpy's mean and variance."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import (
    around,
    changed,
    clean_ops,
    image_of,
    numbers,
    only,
    ops,
    same_numbers,
    untouched,
    weights_of,
)
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Parameter


def written_out(how: str, *, epsilon: float = 1e-5, spread: str = "same") -> Graph:
    """A layer norm along the last axis, as arithmetic."""
    d = Draft((1, 5, 6))
    mean = d.add("ReduceMean", "x", (1, 5, 1), axes=[2], keepdims=True)
    centred = d.add("Sub", ["x", mean])
    square = d.add("Pow", centred, value=2.0) if how == "pow" else d.add("Mul", [centred, centred])
    over = [2] if spread == "same" else [1]
    variance = d.add("ReduceMean", square, (1, 5, 1) if over == [2] else (1, 1, 6), axes=over,
                     keepdims=True)  # fmt: skip
    root = d.add("Sqrt", d.add("Add", variance, value=epsilon))
    gain = [Parameter("gain", (6,), role="constant")]
    shift = [Parameter("shift", (6,), role="constant")]
    if how == "weighted":  # x * (g / s) + (b - m * (g / s))
        factor = d.add("Mul", d.add("Reciprocal", root), (1, 5, 6), parameters=gain, axis=2)
        less = d.add("Mul", [mean, factor], (1, 5, 6))
        offset = d.add("Sub", less, parameters=shift, axis=2, constant_first=True)
        out = d.add("Add", [d.add("Mul", ["x", factor]), offset])
    else:
        out = d.add("Mul", d.add("Div", [centred, root]), parameters=gain, axis=2)
        out = d.add("Add", out, parameters=shift, axis=2)
    return d.graph(d.add("Relu", out))


@pytest.mark.parametrize("how", ["pow", "product", "weighted"])
def test_a_norm_that_is_written_out_is_a_norm(how: str) -> None:
    graph = written_out(how, epsilon=0.25)
    (norm, relu) = canonical(graph).nodes
    assert (norm.op, relu.op) == ("LayerNormalization", "Relu")
    assert norm.attributes["axes"] == [2]
    assert norm.attributes["epsilon"] == 0.25
    assert [p.role for p in norm.parameters] == ["scale", "shift"]
    same_numbers(graph)


def test_a_deviation_along_other_axes_is_no_norm() -> None:
    graph = written_out("pow", spread="other")
    assert "LayerNormalization" not in clean_ops(graph)
    same_numbers(graph)


@pytest.mark.parametrize("how", ["pow", "product", "weighted"])
def test_the_norm_is_numpys(how: str) -> None:
    graph = written_out(how, epsilon=0.25)
    after, weights = changed("norms", graph), weights_of(graph)
    assert ops(after) == ["LayerNormalization", "Relu"]
    x = image_of(graph)
    deviation = np.sqrt(x.var(axis=2, keepdims=True) + 0.25)
    wanted = (x - x.mean(axis=2, keepdims=True)) / deviation * weights["gain"] + weights["shift"]
    np.testing.assert_allclose(numbers(after, weights)[0], np.maximum(wanted, 0).reshape(-1))


@pytest.mark.parametrize("scaled", [True, False])
def test_a_norm_by_the_mean_square_is_an_rms_norm(scaled: bool) -> None:
    """x / sqrt(E[x^2] + epsilon) takes no mean off."""
    d = Draft((1, 5, 6))
    square = d.add("Mul", ["x", "x"])
    mean = d.add("ReduceMean", square, (1, 5, 1), axes=[2], keepdims=True)
    out = d.add("Div", ["x", d.add("Sqrt", d.add("Add", mean, value=0.25))])
    if scaled:
        gain = [Parameter("gain", (6,), role="constant")]
        out = d.add("Mul", out, parameters=gain, axis=2)
    graph = d.graph(out)
    after, weights = changed("norms", graph), weights_of(graph)
    assert ops(after) == ["RMSNormalization"]
    assert after.nodes[0].attributes == {"axes": [2], "epsilon": 0.25, "scale": scaled}
    x = image_of(graph)
    wanted = x / np.sqrt(np.square(x).mean(axis=2, keepdims=True) + 0.25)
    wanted = wanted * weights["gain"] if scaled else wanted
    np.testing.assert_allclose(numbers(after, weights)[0], wanted.reshape(-1))


@pytest.mark.parametrize("how", ["sum", "mean", "wrong"])
@pytest.mark.parametrize("outside", [True, False])
def test_the_variance_and_the_place_of_epsilon_are_said(how: str, outside: bool) -> None:
    d = Draft((1, 5, 6))
    mean = d.add("ReduceMean", "x", (1, 5, 1), axes=[2], keepdims=True)
    centred = d.add("Sub", ["x", mean])
    square = d.add("Mul", [centred, centred])
    reduction = "ReduceMean" if how == "mean" else "ReduceSum"
    factor = {"sum": 1 / 5, "mean": 6 / 5, "wrong": 1 / 7}[how]
    total = d.add(reduction, square, (1, 5, 1), axes=[2], keepdims=True)
    variance = d.add("Mul", total, value=float(np.float32(factor)))
    if outside:
        deviation = d.add("Add", d.add("Sqrt", variance), value=0.25)
    else:
        deviation = d.add("Sqrt", d.add("Add", variance, value=0.25))
    graph = d.graph(d.add("Div", [centred, deviation]))
    if how == "wrong":
        assert "LayerNormalization" not in ops(untouched("norms", graph))
        return
    _, after = around("norms", graph)
    (norm,) = after.nodes
    assert norm.attributes.get("unbiased") is True
    assert bool(norm.attributes.get("epsilon_outside")) == outside
    x = image_of(graph)
    spread = x.var(axis=2, keepdims=True, ddof=1)
    spread = np.sqrt(spread) + 0.25 if outside else np.sqrt(spread + 0.25)
    wanted = (x - x.mean(axis=2, keepdims=True)) / spread
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-6)


def test_a_mean_that_is_added_back_is_no_norm() -> None:
    d = Draft((1, 5, 6))
    mean = d.add("ReduceMean", "x", (1, 5, 1), axes=[2], keepdims=True)
    centred = d.add("Sub", ["x", mean])
    square = d.add("Mul", [centred, centred])
    variance = d.add("ReduceMean", square, (1, 5, 1), axes=[2], keepdims=True)
    scaled = d.add(
        "Div", [d.add("Add", ["x", mean]), d.add("Sqrt", d.add("Add", variance, value=1.0))]
    )
    assert "LayerNormalization" not in ops(untouched("norms", d.graph(scaled)))


def test_epsilon_is_the_one_that_is_added() -> None:
    assert (
        only(changed("norms", written_out("pow", epsilon=0.5)), "LayerNormalization").attributes[
            "epsilon"
        ]
        == 0.5
    )


@pytest.mark.parametrize("axis", [2, 1])
def test_a_shift_behind_an_rms_norm_is_its_own_along_its_axis(axis: int) -> None:
    d = Draft((1, 5, 6))
    gain = [Parameter("gain", (6,), role="scale")]
    x = d.add("RMSNormalization", "x", parameters=gain, axes=[2], epsilon=0.25, scale=True)
    shift = [Parameter("shift", (6 if axis == 2 else 5,), role="constant")]
    graph = d.graph(d.add("Add", x, parameters=shift, axis=axis))
    if axis == 1:
        assert ops(untouched("norms", graph)) == ["RMSNormalization", "Add"]
        return
    after, weights = changed("norms", graph), weights_of(graph)
    assert ops(after) == ["RMSNormalization"]
    assert after.nodes[0].attributes["center"] is True
    x = image_of(graph)
    wanted = x / np.sqrt(np.square(x).mean(axis=2, keepdims=True) + 0.25)
    wanted = wanted * weights["gain"] + weights["shift"]
    np.testing.assert_allclose(numbers(after, weights)[0], wanted.reshape(-1))
