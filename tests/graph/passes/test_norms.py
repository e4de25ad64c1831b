"""Layer norms that are written out; the truth is numpy's mean and variance."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import (
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


def test_a_norm_by_the_mean_square_is_another() -> None:
    """x / sqrt(E[x^2] + epsilon) takes no mean off."""
    d = Draft((1, 5, 6))
    square = d.add("Mul", ["x", "x"])
    mean = d.add("ReduceMean", square, (1, 5, 1), axes=[2], keepdims=True)
    graph = d.graph(d.add("Div", ["x", d.add("Sqrt", d.add("Add", mean, value=1e-5))]))
    assert "LayerNormalization" not in ops(untouched("norms", graph))


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
