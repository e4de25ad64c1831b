"""One spelling for global pooling; the truth is numpy's mean and maximum."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import changed, image_of, numbers, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph

SHAPE = (1, 4, 3, 5)


def reduced(op: str, axes: list[int], keepdims: bool) -> Graph:
    d = Draft(SHAPE)
    shape = [1 if a in axes else n for a, n in enumerate(SHAPE) if keepdims or a not in axes]
    return d.graph(d.add(op, "x", tuple(shape), axes=axes, keepdims=keepdims))


def pooled(op: str, kernel: list[int], shape: tuple[int, ...], pads: int = 0) -> Graph:
    d = Draft(SHAPE)
    window = {"kernel_shape": kernel, "strides": [1, 1], "pads": [pads] * 4, "ceil_mode": False}
    extra = {"count_include_pad": True} if op == "AveragePool" else {}
    return d.graph(d.add(op, "x", shape, **window, **extra))


@pytest.mark.parametrize("how", ["kept", "dropped", "other order", "window"])
@pytest.mark.parametrize(
    ("kind", "of"), [("Average", np.mean), ("Max", np.max)], ids=["mean", "maximum"]
)
def test_over_the_whole_map_is_global(kind: str, of, how: str) -> None:
    op = "ReduceMean" if kind == "Average" else "ReduceMax"
    graph = {
        "kept": reduced(op, [2, 3], True),
        "dropped": reduced(op, [2, 3], False),
        "other order": reduced(op, [3, 2], True),
        "window": pooled(f"{kind}Pool", [3, 5], (1, 4, 1, 1)),
    }[how]
    after = changed("pooling", graph)
    assert ops(after) == [f"Global{kind}Pool", *(["Reshape"] if how == "dropped" else [])]
    wanted = of(image_of(graph), axis=(2, 3)).reshape(-1)
    np.testing.assert_allclose(numbers(after, {})[0], wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "graph",
    [
        reduced("ReduceMean", [3], True),
        reduced("ReduceMean", [1], True),
        reduced("ReduceSum", [2, 3], True),
        pooled("MaxPool", [3, 4], (1, 4, 1, 2)),
        pooled("AveragePool", [3, 5], (1, 4, 3, 3), 1),
    ],
    ids=["a row", "channels", "a sum", "a smaller window", "padding"],
)
def test_anything_else_is_not(graph: Graph) -> None:
    assert "Global" not in ops(untouched("pooling", graph))[0]
