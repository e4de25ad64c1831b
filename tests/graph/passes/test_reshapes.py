"""Transpositions that only move axes of extent 1 are reshapes."""

from __future__ import annotations

import pytest

from support.passes import changed, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def turned(shape: tuple[int, ...], perm: list[int]) -> Graph:
    """A transposition that a reshape keeps from moving on."""
    d = Draft(shape)
    x = d.add("Transpose", d.add("Tanh", "x"), tuple(shape[axis] for axis in perm), perm=perm)
    return d.graph(d.add("Softmax", x, axis=0, flattened=True))


@pytest.mark.parametrize(
    ("shape", "perm"), [((1, 4, 1, 1), [0, 2, 3, 1]), ((1, 4, 1, 5), [0, 2, 1, 3])]
)
def test_moving_axes_of_extent_1_is_a_reshape(shape: tuple[int, ...], perm: list[int]) -> None:
    assert ops(changed("reshapes", turned(shape, perm))) == ["Tanh", "Reshape", "Softmax"]


def test_moving_others_is_not() -> None:
    graph = turned((1, 4, 1, 5), [0, 3, 2, 1])
    assert ops(untouched("reshapes", graph)) == ["Tanh", "Transpose", "Softmax"]
