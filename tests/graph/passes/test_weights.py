"""What is computed from weights alone is a weight."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import around, changed, numbers, only, ops, untouched, weights_of
from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter


def with_table(op: str, *, made_by: str = "Reshape", first: bool = False) -> Graph:
    """Data and a table of weights that a node brings to the data's shape."""
    d = Draft((1, 4, 3, 2))
    if made_by == "Reshape":
        table = [Parameter("t", (24,), role="constant")]
        other = d.add("Reshape", [], (1, 4, 3, 2), parameters=table)
    else:
        table = [Parameter("t", (1, 2, 3, 4), role="constant")]
        other = d.add("Transpose", [], (1, 4, 3, 2), parameters=table, perm=[0, 3, 2, 1])
    return d.graph(d.add(op, [other, "x"] if first else ["x", other]))


@pytest.mark.parametrize("made_by", ["Reshape", "Transpose"])
@pytest.mark.parametrize("op", ["Add", "Mul", "Sub"])
def test_a_table_that_is_only_moved_is_an_operand(op: str, made_by: str) -> None:
    after = changed("weights", with_table(op, made_by=made_by))
    (node,) = after.nodes
    assert (node.op, node.inputs) == (op, ("x",))
    assert node.parameters[0].shape == (1, 4, 3, 2)
    assert node.parameters[0].stored == "t"


def test_the_side_of_a_difference_is_kept() -> None:
    graph = with_table("Sub", first=True)
    _, after = around("weights", graph)
    assert only(after, "Sub").attributes["constant_first"] is True
    weights = weights_of(graph)
    x = np.random.default_rng(0).standard_normal((1, 4, 3, 2))
    wanted = weights["t"].reshape(1, 4, 3, 2) - x
    np.testing.assert_array_equal(numbers(after, weights)[0], wanted.reshape(-1))


def test_what_computes_says_so() -> None:
    d = Draft((1, 4))
    table = d.add("Exp", [], (1, 4), parameters=[Parameter("t", (1, 4), role="constant")])
    _, after = around("weights", d.graph(d.add("Add", ["x", table])))
    (node,) = after.nodes
    assert node.parameters[0].view == (("computed", ()),)


def test_a_reader_with_an_operand_of_its_own_keeps_it() -> None:
    d = Draft((1, 4))
    table = d.add("Reshape", [], (1, 4), parameters=[Parameter("t", (4,), role="constant")])
    own = [Parameter("own", (4,), role="constant")]
    graph = d.graph(d.add("Add", ["x", table], parameters=own))
    assert ops(untouched("weights", graph)) == ["Reshape", "Add"]


def test_a_table_that_is_an_output_stays() -> None:
    d = Draft((1, 4))
    table = d.add("Reshape", [], (1, 4), parameters=[Parameter("t", (4,), role="constant")])
    _, after = around("weights", d.graph(d.add("Add", ["x", table]), table))
    assert sorted(ops(after)) == ["Add", "Reshape"]


def test_what_the_data_reaches_is_no_weight() -> None:
    d = Draft((1, 4))
    graph = d.graph(d.add("Add", ["x", d.add("Exp", "x")]))
    assert ops(untouched("weights", graph)) == ["Exp", "Add"]
