"""Explicit padding in windows, and pads as they take effect."""

from __future__ import annotations

import math

import pytest

from support.passes import changed, clean_ops, ops, same_numbers, untouched
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph


def padded(value: float, op: str, rectified: bool, pads=(1, 1, 1, 1)) -> Graph:
    d = Draft()
    x = d.add("Relu", "x") if rectified else "x"
    x = d.add("Pad", x, (1, 4, 10, 10), pads=list(pads), axes=[2, 3], mode="constant", value=value)
    if op == "Conv":
        return d.graph(d.conv(x, pads=[0, 0, 0, 0]))
    window = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [0, 0, 0, 0], "ceil_mode": False}
    extra = {"count_include_pad": True} if op == "AveragePool" else {}
    return d.graph(d.add(op, x, (1, 4, 8, 8), **window, **extra))


@pytest.mark.parametrize(
    ("value", "op", "rectified", "merged"),
    [
        (0.0, "Conv", False, True),
        (1.0, "Conv", False, False),
        (0.0, "AveragePool", False, True),
        (2.0, "AveragePool", False, False),
        (0.0, "MaxPool", True, True),
        (0.0, "MaxPool", False, False),
        (-math.inf, "MaxPool", False, True),
        (-1.0, "MaxPool", True, False),
    ],
)
def test_padding_goes_into_the_window_only_where_it_is_the_same(
    value: float, op: str, rectified: bool, merged: bool
) -> None:
    graph = padded(value, op, rectified)
    assert ("Pad" not in clean_ops(graph)) == merged
    same_numbers(graph)


def test_reflecting_padding_stays() -> None:
    d = Draft()
    x = d.add("Pad", "x", (1, 4, 10, 10), pads=[1, 1, 1, 1], axes=[2, 3], mode="reflect", value=0.0)
    graph = d.graph(d.conv(x, pads=[0, 0, 0, 0]))
    assert "Pad" in clean_ops(graph)
    same_numbers(graph)


def test_padding_that_is_never_read_is_dropped() -> None:
    """A 3x3 window with stride 2 over 8 elements, padded by 1 on both sides, reads one of two."""
    d = Draft()
    graph = d.graph(d.conv("x", strides=[2, 2], pads=[1, 1, 1, 1]))
    assert canonical(graph).nodes[0].attributes["pads"] == [1, 1, 0, 0]
    same_numbers(graph)


def test_ceil_mode_is_the_padding_that_it_makes() -> None:
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 0, 0]}
    d = Draft()
    graph = d.graph(d.add("MaxPool", "x", (1, 4, 4, 4), ceil_mode=True, **window))
    node = canonical(graph).nodes[0]
    assert node.attributes["pads"] == [0, 0, 1, 1]
    assert "ceil_mode" not in node.attributes


def test_the_pass_merges_by_itself() -> None:
    assert ops(changed("padding", padded(0.0, "Conv", False))) == ["Conv"]


def test_padding_of_other_axes_stays() -> None:
    d = Draft()
    pad = {"pads": [1, 1], "axes": [1], "mode": "constant", "value": 0.0}
    graph = d.graph(d.conv(d.add("Pad", "x", (1, 6, 8, 8), **pad)))
    assert ops(untouched("padding", graph)) == ["Pad", "Conv"]


def test_pads_that_are_all_read_stay() -> None:
    d = Draft()
    graph = d.graph(d.conv("x"))
    assert untouched("padding", graph).nodes[0].attributes["pads"] == [1, 1, 1, 1]
