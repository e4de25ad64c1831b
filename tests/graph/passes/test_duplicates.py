"""What is computed twice is computed once."""

from __future__ import annotations

import pytest

from support.passes import changed, clean_ops, ops, same_numbers, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def test_what_is_computed_twice_is_computed_once() -> None:
    d = Draft()
    one, two, other = d.add("Tanh", "x"), d.add("Tanh", "x"), d.add("Elu", "x", alpha=1.0)
    one, two = d.add("Exp", one), d.add("Exp", two)
    graph = d.graph(d.add("Add", [d.add("Add", [one, other]), two]))
    assert sorted(clean_ops(graph)) == ["Add", "Add", "Elu", "Exp", "Tanh"]
    same_numbers(graph)


def test_other_attributes_and_other_weights_are_computed_twice() -> None:
    d = Draft()
    a = d.add("Add", [d.add("Elu", "x", alpha=1.0), d.add("Elu", "x", alpha=0.5)])
    b = d.add("Add", [d.conv("x"), d.conv("x")])
    graph = d.graph(d.add("Add", [a, b]))
    assert clean_ops(graph).count("Elu") == clean_ops(graph).count("Conv") == 2
    same_numbers(graph)


def both(op: str, first: list[str], second: list[str]) -> Graph:
    """An operator of the same two tensors twice, in some order."""
    d = Draft((1, 3, 4, 4))
    names = {"a": d.add("Tanh", "x"), "b": d.add("Exp", "x")}
    one, two = (d.add(op, [names[n] for n in order]) for order in (first, second))
    return d.graph(d.add("Max", [d.add("Elu", one, alpha=1.0), d.add("Softplus", two)]))


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_the_order_of_terms_does_not_matter(op: str) -> None:
    assert ops(changed("duplicates", both(op, ["a", "b"], ["b", "a"]))).count(op) == 1


def test_the_order_of_a_difference_does() -> None:
    assert ops(untouched("duplicates", both("Sub", ["a", "b"], ["b", "a"]))).count("Sub") == 2
    assert ops(changed("duplicates", both("Sub", ["a", "b"], ["a", "b"]))).count("Sub") == 1


def test_reshapes_that_differ_by_single_extents_follow_each_other() -> None:
    d = Draft((1, 3, 4, 4))
    tokens, matrix = d.add("Reshape", "x", (1, 3, 16)), d.add("Reshape", "x", (3, 16))
    other = d.add("Reshape", "x", (4, 12))
    rows = d.add("Transpose", matrix, (16, 3), perm=[1, 0])
    product = d.add("MatMul", [rows, d.add("Relu", tokens)], (1, 16, 16), batch=1, m=16, k=3, n=16)
    graph = d.graph(product, d.add("Tanh", other))
    after = changed("duplicates", graph)
    read = [node.inputs[0] for node in after.nodes if node.op == "Reshape"]
    assert sorted(read) == sorted([tokens, "x", "x"])
