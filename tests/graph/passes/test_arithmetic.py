"""One spelling for arithmetic with constants."""

from __future__ import annotations

from typing import Any

import pytest

from support.passes import changed, ops, same_numbers, untouched
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Parameter


def chain(*steps: tuple[str, Any], read_twice: bool = False) -> Graph:
    d = Draft((1, 3, 2))
    x = d.add("Tanh", "x")
    names = []
    for op, value in steps:
        extra = {"axis": 1} if isinstance(value, list) else {}
        names.append(x := d.add(op, x, value=value, **extra))
    return d.graph(*(names if read_twice else names[-1:]))


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([("Sub", 1.5)], [("Add", -1.5)]),
        ([("Div", 4.0)], [("Mul", 0.25)]),
        ([("Add", 1.0), ("Sub", 0.25)], [("Add", 0.75)]),
        ([("Mul", 6.0), ("Div", 2.0)], [("Mul", 3.0)]),
        ([("Add", [1.0, 2.0, 3.0]), ("Add", 1.0)], [("Add", [2.0, 3.0, 4.0])]),
        ([("Add", 1.0), ("Mul", 2.0)], [("Add", 1.0), ("Mul", 2.0)]),
        ([("Div", [1.0, 2.0, 4.0])], [("Mul", [1.0, 0.5, 0.25])]),
    ],
)
def test_numbers_are_added_and_multiplied(steps, after) -> None:
    graph = chain(("Div", 2.0), ("Add", 1.0), ("Mul", 3.0), *steps)
    if steps[0][0] == "Mul" or steps[0][0] == "Div":
        graph = chain(("Sub", 1.0), *steps)
    found = [(n.op, n.attributes["value"]) for n in changed("arithmetic", graph).nodes[1:]]
    assert found[-len(after) :] == after


def test_a_difference_from_a_number_is_a_sum_with_the_negation() -> None:
    d = Draft((1, 3, 2))
    graph = d.graph(d.add("Sub", "x", value=2.0, constant_first=True))
    found = [(n.op, n.attributes["value"]) for n in changed("arithmetic", graph).nodes]
    assert found == [("Mul", -1.0), ("Add", 2.0)]


def test_a_negation_is_a_product() -> None:
    d = Draft((1, 3, 2))
    assert ops(changed("arithmetic", d.graph(d.add("Neg", "x")))) == ["Mul"]


def test_a_weight_says_along_which_axis_it_lies() -> None:
    d = Draft((1, 3, 2))
    weight = [Parameter("w", (3, 1), role="constant")]
    graph = d.graph(d.add("Mul", "x", parameters=weight))
    assert changed("arithmetic", graph).nodes[0].attributes["axis"] == 1


def test_a_number_over_the_data_and_a_division_by_zero_stay() -> None:
    d = Draft((1, 3, 2))
    assert ops(untouched("arithmetic", d.graph(d.add("Div", "x", value=0.0)))) == ["Div"]
    d = Draft((1, 3, 2))
    x = d.add("Div", d.add("Exp", "x"), value=2.0, constant_first=True)
    assert ops(untouched("arithmetic", d.graph(x))) == ["Exp", "Div"]


def test_what_others_read_is_not_merged() -> None:
    graph = chain(("Add", 1.0), ("Add", 2.0), read_twice=True)
    assert ops(untouched("arithmetic", graph)) == ["Tanh", "Add", "Add"]


def test_constants_merge_and_mixed_ones_do_not() -> None:
    d = Draft((1, 8))
    x = d.add("Relu", "x")
    x = d.add("Div", d.add("Mul", x, value=6.0), value=2.0)
    graph = d.graph(d.add("Sub", x, value=1.5))
    found = canonical(graph)
    assert [(n.op, n.attributes) for n in found.nodes[1:]] == [
        ("Mul", {"value": 3.0}),
        ("Add", {"value": -1.5}),
    ]
    same_numbers(graph)
