"""Rows of a weight for several layers, sorted by layer, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes import fused
from zoodiff.rules.example import TinyNetwork

HEADS, PARTS, DEPTH, TOKENS = 2, 3, 4, 9


def network(order: tuple[int, ...], axis: int, *, last: bool = True) -> Graph:
    """A linear layer whose result is divided, of which every part is read apart."""
    width = HEADS * PARTS * DEPTH
    net = TinyNetwork(size=3)
    x = net.add("Reshape", "image", (1, 3, TOKENS))
    x = net.add("Transpose", x, (1, TOKENS, 3), perm=[0, 2, 1])
    x = net.add(
        "Gemm",
        x,
        (1, TOKENS, width),
        name="qkv",
        parameters=(
            Parameter("weight", (width, 3), role="weight", layout="OI"),
            Parameter("bias", (width,), role="bias"),
        ),
        in_features=3,
        out_features=width,
        bias=True,
        axis=2,
    )
    x = net.add("Reshape", x, (1, TOKENS, *order))
    shape = [1, TOKENS, *order]
    shape[axis] = 1
    cuts = [
        net.add("Slice", x, tuple(shape), axes=[axis], starts=[k], ends=[k + 1], steps=[1])
        for k in range(PARTS if last else PARTS - 1)
    ]
    flat = [net.add("Reshape", c, (1, TOKENS, HEADS * DEPTH)) for c in cuts]
    return net.graph(net.add("Add", (net.add("Mul", flat[:2], name="qk"), flat[-1])))


def weights() -> dict[str, Any]:
    r = np.random.default_rng(0)
    width = HEADS * PARTS * DEPTH
    return {"qkv/weight": r.standard_normal((width, 3)), "qkv/bias": r.standard_normal(width)}


def by_hand(image: Any, order: tuple[int, ...], axis: int) -> Any:
    """The same in plain numpy."""
    w = weights()
    tokens = image.reshape(1, 3, TOKENS).transpose(0, 2, 1)
    divided = (tokens @ w["qkv/weight"].T + w["qkv/bias"]).reshape(1, TOKENS, *order)
    q, k, v = (np.take(divided, [n], axis).reshape(1, TOKENS, -1) for n in range(PARTS))
    return q * k + v


@pytest.mark.parametrize(
    ("order", "axis"), [((HEADS, PARTS, DEPTH), 3), ((PARTS, HEADS, DEPTH), 2)]
)
def test_the_function_stays(order: tuple[int, ...], axis: int) -> None:
    graph = network(order, axis)
    image = np.random.default_rng(1).standard_normal((1, 3, 3, 3))
    expected = by_hand(image, order, axis)
    for each in (graph, canonical(graph)):
        (found,) = evaluate(each, {"image": image}, weights()).values()
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)


def test_interleaved_parts_become_layers_of_their_own() -> None:
    interleaved = canonical(network((HEADS, PARTS, DEPTH), 3))
    in_a_row = canonical(network((PARTS, HEADS, DEPTH), 2))
    for graph in (interleaved, in_a_row):
        assert [n.attributes["out_features"] for n in graph.nodes if n.op == "Gemm"] == [8, 8, 8]
    assert [n.op for n in interleaved.nodes] == [n.op for n in in_a_row.nodes]


def test_parts_in_a_row_are_left() -> None:
    net = MutableGraph(network((PARTS, HEADS, DEPTH), 2))
    fused.run(net)
    assert not any(fused.NOTE in node.notes for node in net)


def test_a_part_that_nobody_reads_keeps_the_layer_whole() -> None:
    net = MutableGraph(network((HEADS, PARTS, DEPTH), 3, last=False))
    fused.run(net)
    assert not any(fused.NOTE in node.notes for node in net)
