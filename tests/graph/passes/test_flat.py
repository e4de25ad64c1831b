"""Reshapes behind global pooling are one."""

from __future__ import annotations

from support.passes import around, assert_same_numbers, changed, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def head(*, read_twice: bool = False) -> Graph:
    """A mean that drops its axes, brought to rows and columns again."""
    d = Draft((1, 4, 3, 5))
    mean = d.add("ReduceMean", "x", (1, 4), axes=[2, 3], keepdims=False)
    wide = d.add("Reshape", mean, (1, 2, 2))
    return d.graph(d.add("Exp", wide), *([mean] if read_twice else []))


def test_the_reshape_of_a_mean_and_the_next_are_one() -> None:
    before, _ = around("flat", head())
    assert ops(before) == ["GlobalAveragePool", "Reshape", "Reshape", "Exp"]
    assert ops(changed("flat", head())) == ["GlobalAveragePool", "Reshape", "Exp"]


def test_what_others_read_stays() -> None:
    graph = head(read_twice=True)
    _, after = around("flat", graph)
    assert ops(after).count("Reshape") == 2
    assert_same_numbers(graph, after)


def test_a_single_reshape_stays() -> None:
    d = Draft((1, 4, 3, 5))
    mean = d.add("ReduceMean", "x", (1, 4), axes=[2, 3], keepdims=False)
    assert "Reshape" in ops(untouched("flat", d.graph(d.add("Exp", mean))))
