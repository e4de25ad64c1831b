"""One spelling for products and their scale; the truth is numpy's product."""

from __future__ import annotations

import numpy as np

from support.passes import changed, image_of, numbers, only, ops, same_numbers, untouched
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph


def test_a_scale_belongs_to_the_product_wherever_it_stands() -> None:
    def scores(where: str) -> Graph:
        d = Draft((1, 2, 5, 3))
        q, k = d.add("Tanh", "x"), d.add("Relu", "x")
        if where == "query":
            q = d.add("Mul", q, value=0.25)
        if where == "both":
            q, k = d.add("Mul", q, value=0.5), d.add("Mul", k, value=0.5)
        k = d.add("Transpose", k, (1, 2, 3, 5), perm=[0, 1, 3, 2])
        x = d.add("MatMul", [q, k], (1, 2, 5, 5), batch=2, m=5, k=3, n=5)
        return d.graph(d.add("Mul", x, value=0.25) if where == "scores" else x)

    found = [LayerGraph(canonical(scores(w))).layers[-1].label for w in ("query", "both", "scores")]
    assert found[0] == found[1] == found[2]
    assert found[0] != LayerGraph(canonical(scores("none"))).layers[-1].label
    for where in ("query", "both", "scores", "none"):
        same_numbers(scores(where))


def turned(*, scale: float | None = None, read_twice: bool = False) -> Graph:
    d = Draft((1, 2, 5, 3))
    q, k = d.add("Tanh", "x"), d.add("Relu", "x")
    k = d.add("Transpose", k, (1, 2, 3, 5), perm=[0, 1, 3, 2])
    x = d.add("MatMul", [q, k], (1, 2, 5, 5), batch=2, m=5, k=3, n=5)
    x = x if scale is None else d.add("Mul", x, value=scale)
    return d.graph(x, *([k] if read_twice else []))


def test_a_swap_of_a_factors_last_axes_is_the_products() -> None:
    graph = turned(scale=0.5)
    after = changed("products", graph)
    assert ops(after) == ["Tanh", "Relu", "MatMul"]
    node = only(after, "MatMul")
    assert (node.attributes["transB"], node.attributes["scale"]) == (True, 0.5)
    x = image_of(graph)
    wanted = 0.5 * np.tanh(x) @ np.maximum(x, 0).swapaxes(2, 3)
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-12)


def test_a_transposition_that_others_read_stays() -> None:
    assert "Transpose" in ops(untouched("products", turned(read_twice=True)))


def test_a_transposition_of_other_axes_stays() -> None:
    d = Draft((2, 2, 5, 5))
    k = d.add("Transpose", d.add("Relu", "x"), perm=[1, 0, 2, 3])
    graph = d.graph(d.add("MatMul", [d.add("Tanh", "x"), k], batch=4, m=5, k=5, n=5))
    assert "Transpose" in ops(untouched("products", graph))
