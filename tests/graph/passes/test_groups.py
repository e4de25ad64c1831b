"""Group norms written as instance norms of reshaped maps; the truth is numpy's moments."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import (
    changed,
    image_of,
    numbers,
    only,
    ops,
    same_numbers,
    untouched,
    weights_of,
)
from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter

PLAIN = {"epsilon": 0.25, "scale": False, "center": False}


def written_out(groups: tuple[int, ...], *, learned: tuple[str, ...] = ("Mul", "Add")) -> Graph:
    """A norm of maps with 4 channels in another shape, with learned terms per channel behind."""
    d = Draft((1, 4, 6, 2))
    x = d.add("Reshape", "x", groups)
    x = d.add("Reshape", d.add("InstanceNormalization", x, **PLAIN), (1, 4, 6, 2))
    for op in learned:
        x = d.add(op, x, parameters=[Parameter(op, (4, 1, 1), role="constant")], axis=1)
    return d.graph(d.add("Relu", x))


def group_norm(x: np.ndarray, groups: int) -> np.ndarray:
    """Y. Wu and K. He, arXiv:1803.08494, figure 3."""
    n, c, h, w = x.shape
    x = x.reshape(n, groups, c // groups, h, w)
    mean, variance = (f(x, axis=(2, 3, 4), keepdims=True) for f in (np.mean, np.var))
    return ((x - mean) / np.sqrt(variance + 0.25)).reshape(n, c, h, w)


@pytest.mark.parametrize("learned", [("Mul", "Add"), ("Mul",), ("Add",), ()])
@pytest.mark.parametrize("shape", [(1, 2, 24), (1, 2, 12, 2), (1, 2, 2, 6, 2), (1, 1, 48)])
def test_a_group_norm_that_is_written_out_is_a_group_norm(shape, learned) -> None:
    graph = written_out(shape, learned=learned)
    after, weights = changed("groups", graph), weights_of(graph)
    assert ops(after) == ["GroupNormalization", "Relu"]
    norm = after.nodes[0]
    assert norm.attributes == {
        "num_groups": shape[1],
        "epsilon": 0.25,
        "scale": "Mul" in learned,
        "center": "Add" in learned,
    }
    wanted = group_norm(image_of(graph), shape[1])
    for op, combine in (("Mul", np.multiply), ("Add", np.add)):
        wanted = combine(wanted, weights[op]) if op in learned else wanted
    np.testing.assert_allclose(numbers(after, weights)[0], np.maximum(wanted, 0).reshape(-1))


def test_a_group_for_each_channel_is_an_instance_norm() -> None:
    graph = written_out((1, 4, 12))
    assert ops(changed("groups", graph)) == ["InstanceNormalization", "Relu"]
    d = Draft((1, 4, 6, 2))
    terms = [Parameter(role, (4,), role=role) for role in ("scale", "shift")]
    direct = d.graph(d.add("GroupNormalization", "x", parameters=terms, num_groups=4, epsilon=0.25))
    assert only(changed("groups", direct), "InstanceNormalization").attributes == {
        "epsilon": 0.25,
        "scale": True,
        "center": True,
    }


@pytest.mark.parametrize("shape", [(1, 3, 16), (1, 8, 6), (2, 2, 12)])
def test_a_reshape_that_makes_no_groups_of_channels_stays(shape) -> None:
    graph = written_out(shape)
    assert "InstanceNormalization" in ops(untouched("groups", graph))
    same_numbers(graph)


def test_learned_terms_along_another_axis_stay_behind_the_norm() -> None:
    d = Draft((1, 4, 6, 2))
    x = d.add("InstanceNormalization", d.add("Reshape", "x", (1, 2, 24)), **PLAIN)
    x = d.add("Reshape", x, (1, 4, 6, 2))
    rows = [Parameter("rows", (6, 1), role="constant")]
    graph = d.graph(d.add("Mul", x, parameters=rows, axis=2))
    assert ops(changed("groups", graph)) == ["GroupNormalization", "Mul"]


def test_a_norm_with_terms_per_group_stays() -> None:
    d = Draft((1, 4, 6, 2))
    terms = [Parameter(role, (2,), role=role) for role in ("scale", "shift")]
    x = d.add("Reshape", "x", (1, 2, 24))
    x = d.add("InstanceNormalization", x, parameters=terms, epsilon=0.25, scale=True, center=True)
    graph = d.graph(d.add("Reshape", x, (1, 4, 6, 2)))
    assert ops(untouched("groups", graph)) == ["Reshape", "InstanceNormalization", "Reshape"]
