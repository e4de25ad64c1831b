"""Linear layers and 1x1 convolutions; the truth is numpy's product with the stored weight."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import changed, clean_ops, image_of, numbers, ops, untouched, weights_of
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Parameter


def channels_last_head(perm: list[int]) -> Graph:
    d = Draft((1, 4, 3, 5))
    shape = tuple((1, 4, 3, 5)[axis] for axis in perm)
    x = d.add("Transpose", "x", shape, perm=perm)
    x = d.add("Flatten", x, (1, 60), axis=1)
    weight = Parameter("w", (7, 60), role="weight", layout="OI")
    out = d.add(
        "Gemm", x, (1, 7), parameters=[weight], in_features=60, out_features=7, bias=False, axis=1
    )
    return d.graph(out)


@pytest.mark.parametrize("perm", [[0, 2, 3, 1], [0, 3, 2, 1], [0, 1, 3, 2]])
def test_a_transposition_before_a_linear_layer_goes_into_its_columns(perm: list[int]) -> None:
    graph = channels_last_head(perm)
    clean = canonical(graph)
    assert [node.op for node in clean.nodes] == ["Reshape", "Gemm"]
    image = np.random.default_rng(0).standard_normal((1, 4, 3, 5))
    stored = np.random.default_rng(1).standard_normal((7, 60))

    def provide(node, data):
        found = []
        for p in node.parameters:
            x = stored
            for step, given in p.view:
                x = x.reshape(given) if step == "reshape" else x.transpose(given)
            found.append(x)
        return found

    results = [next(iter(evaluate(g, {"x": image}, provide).values())) for g in (graph, clean)]
    np.testing.assert_allclose(results[1].reshape(-1), results[0].reshape(-1), rtol=1e-12)


def test_a_linear_layer_along_the_channels_is_a_pointwise_convolution() -> None:
    d = Draft()
    weight = Parameter("w", (4, 6), role="weight", layout="IO")
    turned = d.add("Transpose", "x", (1, 8, 8, 4), perm=[0, 2, 3, 1])
    x = d.add(
        "Gemm",
        turned,
        (1, 8, 8, 6),
        parameters=[weight],
        in_features=4,
        out_features=6,
        bias=False,
        axis=3,
    )
    graph = d.graph(d.add("Transpose", x, (1, 6, 8, 8), perm=[0, 3, 1, 2]))
    assert clean_ops(graph) == ["Conv"]


def test_a_convolution_of_a_map_of_one_pixel_is_linear_unless_grouped() -> None:
    d = Draft((1, 4, 1, 1))
    assert clean_ops(d.graph(d.conv("x", kernel=1))) == ["Gemm"]
    d = Draft((1, 4, 1, 1))
    assert clean_ops(d.graph(d.conv("x", kernel=1, group=2))) == ["Conv"]


def test_a_window_of_the_whole_map_is_a_linear_layer() -> None:
    d = Draft((1, 4, 3, 3))
    graph = d.graph(d.conv("x", out=5, kernel=3, pads=[0, 0, 0, 0]))
    after, weights = changed("linear", graph), weights_of(graph)
    assert ops(after) == ["Reshape", "Gemm"]
    wanted = weights["w0"].reshape(5, 36) @ image_of(graph).reshape(36)
    np.testing.assert_allclose(numbers(after, weights)[0], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "changes"),
    [(3, {"pads": [1, 1, 1, 1]}), (1, {}), (3, {"pads": [0, 0, 0, 0], "group": 2})],
    ids=["padded", "of single pixels", "grouped"],
)
def test_other_convolutions_stay(kernel: int, changes: dict) -> None:
    d = Draft((1, 4, 3, 3))
    assert ops(untouched("linear", d.graph(d.conv("x", kernel=kernel, **changes)))) == ["Conv"]
