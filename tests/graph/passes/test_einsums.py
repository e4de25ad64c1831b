"""Products with indices as products of matrices; the truth is numpy's einsum."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import (
    around,
    changed,
    image_of,
    numbers,
    only,
    ops,
    stored_numbers,
    untouched,
    weights_of,
)
from support.small import Draft
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph, Parameter


def linear(equation: str, weight: tuple[int, ...], out: tuple[int, ...], width: int) -> Graph:
    d = Draft((1, 5, 2, 6))
    held = [Parameter("w", weight, role="weight")]
    sizes = {"in_features": 12, "out_features": width, "bias": False, "axis": 3}
    return d.graph(d.add("Gemm", "x", out, parameters=held, equation=equation, **sizes))


@pytest.mark.parametrize(
    ("equation", "weight", "out", "width"),
    [
        ("abcd,cde->abe", (2, 6, 4), (1, 5, 4), 4),
        ("abcd,ecd->abe", (4, 2, 6), (1, 5, 4), 4),
        ("abcd,def->abcef", (6, 2, 4), (1, 5, 2, 2, 4), 8),
    ],
)
def test_a_linear_layer_with_indices_is_one_without(equation, weight, out, width) -> None:
    graph = linear(equation, weight, out, width)
    after = changed("einsums", graph)
    gemm = only(after, "Gemm")
    assert "equation" not in gemm.attributes
    assert gemm.parameters[0].shape[0] == width
    weights = weights_of(graph)
    wanted = np.einsum(equation, image_of(graph), weights["w"])
    np.testing.assert_allclose(numbers(after, weights)[0], wanted.reshape(-1), rtol=1e-12)


@pytest.mark.parametrize("equation", ["...cd,cde->...e", "abcd,cde->bae"])
def test_a_linear_layer_of_another_kind_stays(equation: str) -> None:
    graph = linear(equation, (2, 6, 4), (1, 5, 4), 4)
    _, after = around("einsums", graph)
    assert only(after, "Gemm").attributes["equation"] == equation


def product(equation: str, right: tuple[int, ...], out: tuple[int, ...]) -> Graph:
    d = Draft((1, 5, 2, 6))
    other = d.add("Transpose", d.add("Tanh", "x"), (1, 2, 5, 6), perm=[0, 2, 1, 3])
    other = d.add("Reshape", other, right)
    sizes = {"batch": 2, "m": 5, "k": 6, "n": 5}
    return d.graph(d.add("MatMul", ["x", other], out, equation=equation, **sizes))


@pytest.mark.parametrize(
    ("equation", "out"),
    [("abcd,aced->acbe", (1, 2, 5, 5)), ("abcd,aced->aceb", (1, 2, 5, 5))],
)
def test_a_product_with_indices_is_one_of_matrices(equation: str, out: tuple[int, ...]) -> None:
    graph = product(equation, (1, 2, 5, 6), out)
    after = changed("einsums", graph)
    assert "equation" not in only(after, "MatMul").attributes
    x = image_of(graph)
    wanted = np.einsum(equation, x, np.tanh(x).transpose(0, 2, 1, 3))
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-12)


def test_a_product_without_indices_stays() -> None:
    d = Draft((1, 2, 5, 5))
    graph = d.graph(d.add("MatMul", ["x", d.add("Tanh", "x")], batch=2, m=5, k=5, n=5))
    assert ops(untouched("einsums", graph)) == ["Tanh", "MatMul"]


def attention(how: str) -> Graph:
    """Self-attention with two heads of three channels over five tokens."""
    d = Draft((1, 5, 4))
    if how == "at once":
        held = [
            Parameter("qkv", (18, 4), role="weight", layout="OI"),
            Parameter("bias", (18,), role="bias"),
        ]
        wide = {"in_features": 4, "out_features": 18, "bias": True, "axis": 2}
        x = d.add("Gemm", "x", (1, 5, 18), parameters=held, **wide)
        x = d.add("Reshape", x, (1, 5, 3, 2, 3))
        x = d.add("Transpose", x, (3, 1, 2, 5, 3), perm=[2, 0, 3, 1, 4])
        parts = []
        for k in range(3):
            bounds = {"axes": [0], "starts": [k], "ends": [k + 1], "steps": [1]}
            piece = d.add("Slice", x, (1, 1, 2, 5, 3), **bounds)
            parts.append(d.add("Reshape", piece, (1, 2, 5, 3)))
        query, key, value = parts
        key = d.add("Transpose", key, (1, 2, 3, 5), perm=[0, 1, 3, 2])
        scores = d.add("MatMul", [query, key], (1, 2, 5, 5), batch=2, m=5, k=3, n=5)
        scores = d.add("Softmax", d.add("Mul", scores, value=0.5), axis=3)
        x = d.add("MatMul", [scores, value], (1, 2, 5, 3), batch=2, m=5, k=5, n=3)
        x = d.add("Transpose", x, (1, 5, 2, 3), perm=[0, 2, 1, 3])
        x = d.add("Reshape", x, (1, 5, 6))
        last = Parameter("out", (4, 6), role="weight", layout="OI")
        out = {"in_features": 6, "out_features": 4, "bias": False, "axis": 2}
        return d.graph(d.add("Gemm", x, (1, 5, 4), parameters=[last], **out))
    made = {}
    for name in ("key", "query", "value"):
        held = [
            Parameter(name, (4, 2, 3), role="weight"),
            Parameter(f"{name}/bias", (2, 3), role="bias"),
        ]
        settings = {"in_features": 4, "out_features": 6, "bias": True, "axis": 2}
        made[name] = d.add(
            "Gemm", "x", (1, 5, 2, 3), parameters=held, equation="abc,cde->abde", **settings
        )
    query = d.add("Mul", made["query"], value=0.5)
    scores = d.add(
        "MatMul", [made["key"], query], (1, 2, 5, 5),
        batch=2, m=5, k=3, n=5, equation="aecd,abcd->acbe",
    )  # fmt: skip
    scores = d.add("Softmax", scores, axis=3)
    x = d.add(
        "MatMul", [scores, made["value"]], (1, 5, 2, 3),
        batch=2, m=5, k=5, n=3, equation="acbe,aecd->abcd",
    )  # fmt: skip
    last = Parameter("out", (2, 3, 4), role="weight")
    settings = {"in_features": 6, "out_features": 4, "bias": False, "axis": 3}
    return d.graph(
        d.add("Gemm", x, (1, 5, 4), parameters=[last], equation="abcd,cde->abe", **settings)
    )


@pytest.mark.parametrize("how", ["at once", "one by one"])
def test_attention_computes_the_same(how: str) -> None:
    stored_numbers(attention(how))


def test_attention_has_one_form() -> None:
    from zoodiff.architecture.diff import diff

    found = diff(attention("at once"), attention("one by one"), "a", "b")
    assert found.sameness == "same", [(f.code, f.left, f.right) for f in found.findings]
    assert fingerprint(attention("at once")) == fingerprint(attention("one by one"))
