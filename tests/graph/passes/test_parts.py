"""Linear layers whose results are cut apart; the truth is numpy's rows of the weight."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import changed, image_of, numbers, ops, untouched, weights_of
from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter


def cut(*bounds: tuple[int, int], step: int = 1, axis: int = 2, keep: bool = False) -> Graph:
    """A linear layer of six outputs over five tokens, and slices of them."""
    d = Draft((1, 5, 4))
    held = [
        Parameter("w", (6, 4), role="weight", layout="OI"),
        Parameter("b", (6,), role="bias"),
    ]
    sizes = {"in_features": 4, "out_features": 6, "bias": True, "axis": 2}
    x = d.add("Gemm", "x", (1, 5, 6), parameters=held, **sizes)
    ends = []
    for start, end in bounds:
        shape = [1, 5, 6]
        shape[axis] = len(range(start, end, step))
        piece = {"axes": [axis], "starts": [start], "ends": [end], "steps": [step]}
        ends.append(d.add("Tanh", d.add("Slice", x, tuple(shape), **piece)))
    return d.graph(*ends, *([x] if keep else []))


def test_each_part_is_a_layer_of_its_rows() -> None:
    graph = cut((0, 1), (1, 3), (3, 6))
    after, weights = changed("parts", graph), weights_of(graph)
    assert ops(after).count("Gemm") == 3
    assert "Slice" not in ops(after)
    x = image_of(graph)
    wanted = [
        np.tanh(x @ weights["w"][start:end].T + weights["b"][start:end])
        for start, end in ((0, 1), (1, 3), (3, 6))
    ]
    for mine, theirs in zip(numbers(after, weights), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.reshape(-1), rtol=1e-12)


@pytest.mark.parametrize(
    "graph",
    [
        cut((0, 2), (3, 6)),
        cut((0, 3), (2, 6)),
        cut((0, 3), (3, 5)),
        cut((0, 6), (0, 6), step=2),
        cut((0, 2), (2, 5), axis=1),
        cut((0, 3), (3, 6), keep=True),
    ],
    ids=["a gap", "an overlap", "a rest", "every other row", "tokens", "the whole is read"],
)
def test_what_is_not_cut_into_its_rows_stays_whole(graph: Graph) -> None:
    assert ops(untouched("parts", graph)).count("Gemm") == 1
