"""What changes nothing only after the other passes is dropped at the end."""

from __future__ import annotations

from support.passes import changed, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def sums(first: float, second: float) -> Graph:
    d = Draft((1, 6))
    x = d.add("Sub", d.add("Add", d.add("Tanh", "x"), value=first), value=second)
    return d.graph(d.add("Exp", x))


def halved(before: str) -> Graph:
    d = Draft((1, 6))
    return d.graph(d.add("Relu", d.add("Div", d.add(before, "x"), value=2.0)))


def test_numbers_that_cancel_are_dropped() -> None:
    assert ops(changed("leftovers", sums(1.5, 1.5))) == ["Tanh", "Exp"]


def test_numbers_that_do_not_stay() -> None:
    assert ops(untouched("leftovers", sums(1.5, 0.5))) == ["Tanh", "Add", "Exp"]


def test_a_rectifier_of_half_of_what_is_not_negative_is_dropped() -> None:
    assert ops(changed("leftovers", halved("Sigmoid"))) == ["Sigmoid", "Mul"]
    assert ops(untouched("leftovers", halved("Tanh"))) == ["Tanh", "Mul", "Relu"]
