"""Movements of elements by their names; the truth is what numpy moves."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.architecture.blocks import movements
from zoodiff.rules.example import TinyNetwork

Steps = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""A shape that divides, the order of its axes, and the shape that joins them."""
IMAGE = (1, 16, 8, 8)


def network(steps: Steps | None) -> Graph:
    net = TinyNetwork(channels=16, size=8)
    x = net.add("Relu", "image")
    if steps is not None:
        divided, perm, joined = steps
        x = net.add("Reshape", x, divided)
        x = net.add("Transpose", x, tuple(divided[axis] for axis in perm), perm=list(perm))
        x = net.add("Reshape", x, joined)
    return net.graph(net.add("Softmax", x, axis=1))


def shuffle(groups: int) -> Steps:
    """X. Zhang et al., arXiv:1707.01083, section 3.1."""
    return (1, groups, 16 // groups, 8, 8), (0, 2, 1, 3, 4), IMAGE


CRD: Steps = ((1, 4, 2, 2, 8, 8), (0, 1, 4, 2, 5, 3), (1, 4, 16, 16))
DCR: Steps = ((1, 2, 2, 4, 8, 8), (0, 3, 4, 1, 5, 2), (1, 4, 16, 16))
BLOCKS: Steps = ((1, 16, 4, 2, 4, 2), (0, 3, 5, 1, 2, 4), (1, 64, 4, 4))
COLUMNS: Steps = (IMAGE, (0, 1, 3, 2), (1, 16, 64))


def said(a: Graph, b: Graph) -> list[tuple[str, str, str]]:
    there, back = diff(a, b, "a", "b").findings, diff(b, a, "b", "a").findings
    assert [(f.code, f.left, f.right) for f in there] == [(f.code, f.right, f.left) for f in back]
    return [(f.code, f.left, f.right) for f in there]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (None, shuffle(2), ("none", "channel shuffle of 2 groups")),
        (None, shuffle(8), ("none", "channel shuffle of 8 groups")),
        (shuffle(2), shuffle(8), ("channel shuffle of 2 groups", "channel shuffle of 8 groups")),
        (
            CRD,
            DCR,
            (
                "depth to space, blocks of 2, from channel, row, column (CRD)",
                "depth to space, blocks of 2, from row, column, channel (DCR)",
            ),
        ),
    ],
)
def test_a_movement_has_its_name(first, second, words) -> None:
    graphs = [network(steps) for steps in (first, second)]
    image = np.random.default_rng(0).standard_normal(IMAGE)
    results = [next(iter(evaluate(g, {"image": image}, {}).values())) for g in graphs]
    assert results[0].shape != results[1].shape or not np.allclose(*results)
    assert said(*graphs) == [("ARC167", *words)]


def test_blocks_that_are_read_in_another_order() -> None:
    by_columns: Steps = (BLOCKS[0], (0, 5, 3, 1, 2, 4), BLOCKS[2])
    assert said(network(BLOCKS), network(by_columns)) == [
        (
            "ARC167",
            "space to depth, blocks of 2, to row, column, channel (DCR)",
            "space to depth, blocks of 2, to column, row, channel",
        )
    ]


def test_tokens_of_columns() -> None:
    rows: Steps = (IMAGE, (0, 1, 2, 3), (1, 16, 64))
    assert said(network(rows), network(COLUMNS)) == [("ARC167", "none", "tokens read by columns")]


def test_an_order_without_a_name_is_listed() -> None:
    odd: Steps = ((1, 2, 2, 4, 8, 8), (0, 4, 1, 3, 5, 2), IMAGE)
    assert "ARC167" not in [code for code, *_ in said(network(None), network(odd))]


def test_a_map_that_is_turned_between_two_convolutions() -> None:
    def turned(there: bool) -> Graph:
        net = TinyNetwork(channels=16, size=8)
        x = net.add("Relu", net.conv("image", 16))
        x = net.add("Transpose", x, perm=[0, 1, 3, 2]) if there else x
        return net.classifier(net.add("Relu", net.conv(x, 8)))

    words = ("none", "rows and columns exchanged")
    assert said(turned(False), turned(True)) == [("ARC167", *words)]


def test_a_movement_of_stored_values_has_no_name() -> None:
    net = TinyNetwork(channels=16, size=8)
    table = Parameter("table", (8, 16, 8))
    net.add("Transpose", (), (16, 8, 8), parameters=[table], name="moved", perm=[1, 0, 2])
    graph = LayerGraph(net.graph(net.add("Add", ["image", "moved"], IMAGE)))
    (moved,) = (layer for layer in graph.layers if layer.op == "Transpose")
    assert movements._meaning(graph, moved) == ""
