"""Weights in one order of axes; the truth is numpy's indexing of the stored tensor."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import changed, only, untouched, weights_of
from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.weights import viewed

WINDOW = {
    "kernel_shape": [3, 2], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0],
    "bias": False,
}  # fmt: skip


def convolution(layout: str, shape: tuple[int, ...], group: int, out: int) -> Graph:
    d = Draft((1, 4, 8, 8))
    weight = [Parameter("w", shape, role="weight", layout=layout)]
    size = (1, out, 6, 7)
    return d.graph(
        d.add("Conv", "x", size, parameters=weight, group=group, out_channels=out, **WINDOW)
    )


@pytest.mark.parametrize(
    ("layout", "shape", "group", "out", "place"),
    [
        ("HWIO", (3, 2, 4, 6), 1, 6, lambda o, i, h, w: (h, w, i, o)),
        ("OHWI", (6, 3, 2, 4), 1, 6, lambda o, i, h, w: (o, h, w, i)),
        ("HWIM", (3, 2, 4, 2), 4, 8, lambda o, i, h, w: (h, w, o // 2, o % 2)),
        ("1HWO", (1, 3, 2, 8), 4, 8, lambda o, i, h, w: (0, h, w, o)),
    ],
)
def test_every_element_of_a_kernel_goes_to_its_place(layout, shape, group, out, place) -> None:
    graph = convolution(layout, shape, group, out)
    (weight,) = only(changed("parameters", graph), "Conv").parameters
    stored = weights_of(graph)["w"]
    seen = viewed(weight, stored)
    assert weight.layout == "OIHW"
    assert seen.shape == weight.shape == (out, 4 // group, 3, 2)
    for index in np.ndindex(seen.shape):
        assert seen[index] == stored[place(*index)]


def test_a_linear_layer_is_outputs_by_inputs_and_says_its_axis() -> None:
    d = Draft((2, 5, 4))
    weight = [Parameter("w", (4, 3), role="weight", layout="IO")]
    sizes = {"in_features": 4, "out_features": 3, "bias": False, "axis": 2}
    graph = d.graph(d.add("Gemm", "x", (2, 5, 3), parameters=weight, **sizes))
    gemm = only(changed("parameters", graph), "Gemm")
    stored = weights_of(graph)["w"]
    np.testing.assert_array_equal(viewed(gemm.parameters[0], stored), stored.T)
    del graph.nodes[0].attributes["axis"]
    assert only(changed("parameters", graph), "Gemm").attributes["axis"] == 2


def test_what_is_in_order_stays() -> None:
    graph = convolution("OIHW", (6, 4, 3, 2), 1, 6)
    assert only(untouched("parameters", graph), "Conv").parameters[0].view == ()


@pytest.mark.parametrize("layout", ["XYZW", "HWI", ""])
def test_an_order_that_nobody_knows_stays(layout: str) -> None:
    graph = convolution(layout, (3, 2, 4, 6), 1, 6)
    assert only(untouched("parameters", graph), "Conv").parameters[0].layout == layout
