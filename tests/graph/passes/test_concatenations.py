"""Nested concatenations are one; the truth is numpy's concatenation."""

from __future__ import annotations

import numpy as np

from support.passes import around, assert_same_numbers, changed, image_of, numbers, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def nested(inner_axis: int = 1, *, read_twice: bool = False) -> Graph:
    d = Draft((1, 2, 3, 3))
    a, b, c = d.add("Tanh", "x"), d.add("Exp", "x"), d.add("Elu", "x", alpha=1.0)
    shape = (1, 4, 3, 3) if inner_axis == 1 else (1, 2, 6, 3)
    inner = d.add("Concat", [a, b], shape, axis=inner_axis)
    if inner_axis == 1:
        outer = d.add("Concat", [inner, c], (1, 6, 3, 3), axis=1)
    else:
        outer = d.add("Concat", [inner, d.add("Softplus", inner)], (1, 4, 6, 3), axis=1)
    return d.graph(outer, *([inner] if read_twice else []))


def test_a_concatenation_of_a_concatenation_is_one() -> None:
    graph = nested()
    after = changed("concatenations", graph)
    assert ops(after).count("Concat") == 1
    x = image_of(graph)
    parts = [np.tanh(x), np.exp(x), np.where(x > 0, x, np.expm1(x))]
    np.testing.assert_allclose(numbers(after, {})[0], np.concatenate(parts, 1).reshape(-1))


def test_along_another_axis_it_is_not() -> None:
    assert ops(untouched("concatenations", nested(2))).count("Concat") == 2


def test_the_inner_one_stays_for_others() -> None:
    graph = nested(read_twice=True)
    _, after = around("concatenations", graph)
    assert ops(after).count("Concat") == 2
    assert_same_numbers(graph, after)
