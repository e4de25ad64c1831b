"""Computed masks, capped scores, rotary positions and constant factors, on small graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support.small import Draft
from support.transformers import LENGTH, WIDTH, attention, linear, stack
from zoodiff.architecture.diff import diff
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph, Parameter, Tensor

Scores = Callable[[Draft, str], str]
CAUSAL = [j <= i for i in range(LENGTH) for j in range(LENGTH)]
WINDOW = [abs(i - j) <= 1 for i in range(LENGTH) for j in range(LENGTH)]


def masked(*steps: tuple[str, dict[str, Any]], form: str = "added") -> Graph:
    """An attention with a mask that is an input, and what is done to it."""
    d = Draft((1, LENGTH, WIDTH))
    d.inputs.append(Tensor("mask", (1, 1, LENGTH), "bool"))
    d.tensors["mask"] = d.inputs[-1]

    def scores(d: Draft, s: str) -> str:
        m = "mask"
        for op, attributes in steps:
            shape = (1, LENGTH, LENGTH) if "input1" in attributes else d.tensors[m].shape
            m = d.add(op, m, shape, **attributes)
            d.tensors[m] = replace(d.tensors[m], dtype="bool")
        if form == "none":
            return s
        low = {"input1": [0.0], "input1_shape": [], "input2": [float("-inf")], "input2_shape": []}
        hidden = d.add("Where", m, d.tensors[m].shape, **low)
        return d.add("Add", [s, hidden], (1, LENGTH, LENGTH))

    return d.graph(linear(d, attention(d, linear(d, "x"), scores=scores), 3))


def table(values: list[bool]) -> tuple[str, dict[str, Any]]:
    return "And", {"input1": values, "input1_shape": [1, LENGTH, LENGTH]}


def named(a: Graph, b: Graph) -> list[tuple[str, str, str]]:
    return [(f.code, f.left, f.right) for f in diff(a, b, "a", "b").findings]


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (masked(), masked(("Not", {})), ("none", "a mask inverted")),
        (masked(), masked(form="none"), ("a computed mask", "none")),
        (masked(), masked(table(CAUSAL)), ("none", "a mask that another one is part of")),
        (
            masked(table(CAUSAL)),
            masked(table(WINDOW)),
            (
                "causal (each row sees itself and earlier ones)",
                "window: each row sees those at most 1 away",
            ),
        ),
    ],
    ids=["inverted", "left out", "causal", "another table"],
)
def test_a_computed_mask_that_differs_is_one_finding(
    a: Graph, b: Graph, words: tuple[str, str]
) -> None:
    if words[1] == "none":  # the mask of the second is an input that nothing reads
        assert ("ARC174", *words) in named(a, b)
    else:
        assert named(a, b) == [("ARC174", *words)]
        assert named(b, a) == [("ARC174", *words[::-1])]


def test_logic_that_no_softmax_reads_is_no_mask() -> None:
    def gated(inverted: bool) -> Graph:
        d = Draft((1, LENGTH, WIDTH))
        x = linear(d, "x")
        m = d.add("Greater", x, input1=[0.0], input1_shape=[])
        m = d.add("Not", m) if inverted else m
        chosen = d.add("Where", [m, x], (1, LENGTH, WIDTH), input2=[0.0], input2_shape=[])
        return d.graph(linear(d, chosen))

    assert [code for code, *_ in named(gated(False), gated(True))] == ["ARC190"]


def capped(cap: float | None) -> Graph:
    def scores(d: Draft, s: str) -> str:
        return s if cap is None else d.add("Mul", d.add("Tanh", s), value=cap)

    graph = stack({"scores": scores})
    nodes = tuple(
        replace(n, attributes={**n.attributes, "scale": 0.25 / (cap or 1.0)})
        if "scale" in n.attributes and n.op == "MatMul"
        else n
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


def test_capped_scores_are_one_finding_with_their_scale() -> None:
    assert named(capped(None), capped(2.0)) == [
        ("ARC170", "0.25, not capped", "0.25, capped at 2 by tanh")
    ]
    assert not named(capped(2.0), capped(2.0))


def test_a_tangent_elsewhere_is_an_activation() -> None:
    assert [code for code, *_ in named(stack({}), stack({"activation": "Tanh"}))] == ["ARC130"]


def rotated(*, halves: bool, base: str = "t") -> Graph:
    """Queries that are turned by position in pairs of halves or of neighbours."""
    d = Draft((1, LENGTH, WIDTH))
    x = linear(d, "x")
    half = WIDTH // 2
    bounds = [(0, half, 1), (half, WIDTH, 1)] if halves else [(0, WIDTH, 2), (1, WIDTH, 2)]
    parts = [
        d.add("Slice", x, (1, LENGTH, half), axes=[2], starts=[s], ends=[e], steps=[n])
        for s, e, n in bounds
    ]
    negated = d.add("Mul", parts[1], value=-1.0)
    turned = d.add("Concat", [negated, parts[0]], (1, LENGTH, WIDTH), axis=2)
    if not halves:
        apart = d.add("Reshape", turned, (1, LENGTH, 2, half))
        apart = d.add("Transpose", apart, (1, LENGTH, half, 2), perm=[0, 1, 3, 2])
        turned = d.add("Reshape", apart, (1, LENGTH, WIDTH))
    tables = [
        Parameter(f"{base}{k}", (1, LENGTH, WIDTH), trainable=False, role="constant")
        for k in range(2)
    ]
    terms = [
        d.add("Mul", term, parameters=[p], constant_shape=[1, LENGTH, WIDTH])
        for term, p in zip((x, turned), tables, strict=True)
    ]
    return d.graph(linear(d, d.add("Add", terms)))


def test_other_pairs_of_a_rotation_are_one_finding() -> None:
    (finding,) = named(rotated(halves=True), rotated(halves=False))
    assert finding == (
        "ARC177",
        "turned by position, in pairs of the two halves",
        "turned by position, in pairs of neighbours",
    )
    assert not named(rotated(halves=False), rotated(halves=False))


def test_a_number_of_another_value_is_a_factor() -> None:
    def scaled(value: float) -> Graph:
        d = Draft((1, LENGTH, WIDTH))
        x = d.add("Tanh", d.add("Mul", d.add("Relu", linear(d, "x")), value=value))
        return d.graph(linear(d, x))

    assert named(scaled(2.0), scaled(3.0)) == [("ARC178", "* 2", "* 3")]


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_operands_along_other_axes_of_equal_extents_are_told_apart(op: str) -> None:
    """A vector of n elements by the rows or by the columns of an n x n matrix."""

    def along(axis: int) -> Graph:
        d = Draft((1, LENGTH, LENGTH))
        x = linear(d, "x", LENGTH)
        shape = (1, LENGTH, 1) if axis == 1 else (1, 1, LENGTH)
        first = d.add("ReduceMean", x, (1, LENGTH), axes=[2], keepdims=False)
        v = d.add("Reshape", first, shape)
        return d.graph(linear(d, d.add(op, [x, v], (1, LENGTH, LENGTH))))

    assert [code for code, *_ in named(along(1), along(2))] == ["ARC167"]
    assert not named(along(1), along(1))
    assert fingerprint(along(1)) != fingerprint(along(2))


def test_rows_of_a_table_that_are_added_are_an_embedding() -> None:
    def embedded(*, positions: bool) -> Graph:
        d = Draft((1, LENGTH, WIDTH))
        d.inputs.append(Tensor("ids", (1, LENGTH), "int64"))
        d.tensors["ids"] = d.inputs[-1]
        x = linear(d, "x")
        if positions:
            table = [Parameter("table", (20, WIDTH), role="weight")]
            rows = d.add(
                "onnx::Gather", "ids", (1, LENGTH, WIDTH), parameters=table, axis=0, operands="wx"
            )
            x = d.add("Add", [x, rows])
        return d.graph(linear(d, x))

    words = f"embedding of positions or types (20, {WIDTH})"
    assert ("ARC175", words, "none") in named(embedded(positions=True), embedded(positions=False))
