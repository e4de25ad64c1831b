"""What is computed from weights alone is a weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.passes import around, changed, numbers, only, ops, untouched, weights_of
from support.small import Draft
from zoodiff.equivalence.weights.computed_weights import results
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.onnx_nodes import constants_of, places_of


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
    (weight,) = node.parameters
    assert weight.view == (("computed", ()),)
    assert (weight.stored, weight.result, weight.origin) == ("t", table, "t")


def test_results_of_one_weight_are_told_apart() -> None:
    d = Draft((1, 4))
    tables = [
        d.add(op, [], (1, 4), parameters=[Parameter("t", (1, 4), role="constant")])
        for op in ("Cos", "Sin")
    ]
    graph = d.graph(d.add("Mul", [d.add("Mul", ["x", tables[0]]), tables[1]]))
    _, after = around("weights", graph)
    first, second = (node.parameters[0] for node in after.nodes)
    assert first.name != second.name and first.stored == second.stored == "t"
    values = {"t": np.linspace(0, 1, 4, dtype=np.float32).reshape(1, 4)}
    made = results(graph, tables, values)
    np.testing.assert_allclose(made[first.result], np.cos(values["t"]), rtol=1e-6)
    np.testing.assert_allclose(made[second.result], np.sin(values["t"]), rtol=1e-6)


def test_a_result_that_needs_data_or_an_unknown_operator_is_not_known() -> None:
    d = Draft((1, 4))
    weight = [Parameter("t", (1, 4), role="constant")]
    of_data, unknown = d.add("Exp", "x"), d.add("custom::Wobble", [], (1, 4), parameters=weight)
    graph = d.graph(d.add("Add", [of_data, unknown]))
    assert not results(graph, [of_data, unknown, "absent"], {"t": np.ones((1, 4))})


def test_a_computed_kernel_is_the_weight_of_its_layer() -> None:
    d = Draft()
    kernel = d.add("Exp", [], (4, 4, 3, 3), parameters=[Parameter("t", (4, 4, 3, 3))])
    conv = d.conv("x", bias=True)
    layer = d.nodes[-1]
    d.nodes[-1] = replace(
        layer,
        inputs=("x", kernel),
        parameters=tuple(p for p in layer.parameters if p.role == "bias"),
    )
    _, after = around("weights", d.graph(conv))
    (node,) = after.nodes
    assert node.inputs == ("x",)
    assert [(p.role, p.result) for p in node.parameters] == [("weight", kernel), ("bias", "")]


def test_a_weight_among_operands_of_onnx_keeps_its_place() -> None:
    d = Draft((1, 4))
    table = d.add("Exp", [], (1, 4), parameters=[Parameter("t", (1, 4), role="constant")])
    chosen = d.add("Where", ["x", table], (1, 4), input2=[0.0], input2_shape=[])
    _, after = around("weights", d.graph(chosen))
    node = only(after, "Where")
    assert node.inputs == ("x",) and [p.result for p in node.parameters] == [table]
    assert places_of(node, constants_of(node)) == "xwc"
    d = Draft((1, 4))
    table = d.add("Exp", [], (1, 4), parameters=[Parameter("t", (1, 4), role="constant")])
    _, after = around("weights", d.graph(d.add("onnx::Pow", [table, "x"], (1, 4))))
    assert only(after, "onnx::Pow").attributes["operands"] == "wx"


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
