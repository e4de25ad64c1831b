"""Channels first everywhere; the truth is the interpreter, before and after."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import (
    around,
    changed,
    clean_ops,
    image_of,
    numbers,
    ops,
    same_numbers,
    untouched,
)
from support.small import Draft
from zoodiff.graph.ir import Graph, Parameter

LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def channels_last(middle: str) -> Graph:
    """Something between two transpositions that undo each other."""
    d = Draft((1, 4, 3, 5))
    x = d.add("Transpose", d.add("Tanh", "x"), (1, 3, 5, 4), perm=LAST)
    if middle == "norm":
        roles = ("scale", "shift", "mean", "variance")
        held = [Parameter(role, (4,), role=role) for role in roles]
        x = d.add(
            "BatchNormalization", x, parameters=held, epsilon=1e-3, axis=3, scale=True, center=True
        )
    elif middle == "softmax":
        x = d.add("Softmax", x, axis=2)
    elif middle == "vector":
        x = d.add("Mul", x, value=[1.0, 2.0, 3.0, 4.0], axis=3)
    elif middle == "reshape":
        x = d.add("Reshape", d.add("Reshape", x, (1, 15, 4)), (1, 5, 3, 4))
        return d.graph(d.add("Transpose", d.add("Exp", x), (1, 4, 5, 3), perm=FIRST))
    else:
        x = d.add("Relu", x)
    return d.graph(d.add("Transpose", x, (1, 4, 3, 5), perm=FIRST))


@pytest.mark.parametrize("middle", ["norm", "softmax", "vector", "relu"])
def test_transpositions_move_through_and_cancel(middle: str) -> None:
    after = changed("layout", channels_last(middle))
    assert "Transpose" not in ops(after)


def test_axes_follow() -> None:
    axes = {
        middle: changed("layout", channels_last(middle)).nodes[1].attributes["axis"]
        for middle in ("norm", "softmax", "vector")
    }
    assert axes == {"norm": 1, "softmax": 3, "vector": 1}


def test_a_reshape_keeps_the_transposition_before_it() -> None:
    assert "Transpose" in ops(changed("layout", channels_last("reshape")))


def test_an_image_enters_channels_first() -> None:
    d = Draft((1, 8, 9, 3))
    graph = d.graph(d.add("Mul", "x", value=[1.0, 2.0, 3.0], axis=3))
    before, after = around("layout", graph)
    assert before.inputs[0].channels_last
    assert after.inputs[0].shape == (1, 3, 8, 9)
    x = image_of(graph)
    wanted = x * np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    np.testing.assert_allclose(numbers(after, {})[0], wanted.transpose(0, 2, 3, 1).reshape(-1))


def test_without_transpositions_nothing_moves() -> None:
    d = Draft()
    assert ops(untouched("layout", d.graph(d.norm(d.conv("x"))))) == ["Conv", "BatchNormalization"]


def test_a_transposition_that_others_read_stays_for_them() -> None:
    d = Draft((1, 4, 3, 5))
    turned = d.add("Transpose", "x", (1, 3, 5, 4), perm=[0, 2, 3, 1])
    flat = d.add("Flatten", turned, (1, 60), axis=1)
    graph = d.graph(d.add("Relu", flat))
    assert "Transpose" in clean_ops(graph)
    same_numbers(graph)


@pytest.mark.parametrize("axes", [[1, 2, 3], [2, 3], [1, 3]])
def test_weights_of_a_norm_over_several_axes_are_seen_in_the_new_order(axes: list[int]) -> None:
    d = Draft((1, 4, 3, 5))
    x = d.add("Transpose", "x", (1, 3, 5, 4), perm=LAST)
    extents = tuple((1, 3, 5, 4)[axis] for axis in axes)
    held = [Parameter(role, extents, role=role) for role in ("scale", "shift")]
    norm = {"axes": axes, "epsilon": 1e-3, "scale": True, "center": True}
    x = d.add("LayerNormalization", x, parameters=held, **norm)
    after = changed("layout", d.graph(d.add("Transpose", x, (1, 4, 3, 5), perm=FIRST)))
    assert ops(after) == ["LayerNormalization"]
    assert after.nodes[0].attributes["axes"] == sorted([0, 2, 3, 1][axis] for axis in axes)


@pytest.mark.parametrize("op", ["Add", "Mul", "Sub", "Div"])
@pytest.mark.parametrize("shape", [(1, 5, 4), (5, 4)])
def test_weights_over_several_axes_turn_with_the_tokens(op: str, shape: tuple[int, ...]) -> None:
    d = Draft((1, 4, 5))
    x = d.add("Transpose", "x", (1, 5, 4), perm=[0, 2, 1])
    positions = [Parameter("positions", shape, role="constant")]
    x = d.add(op, x, parameters=positions, constant_shape=list(shape))
    graph = d.graph(d.add("Softmax", d.add("Relu", x), axis=2))
    after = changed("layout", graph)
    assert ops(after) == [op, "Relu", "Softmax", "Transpose"]
    assert after.nodes[0].parameters[0].shape == (1, 4, 5)
    assert after.nodes[0].attributes["constant_shape"] == [1, 4, 5]


def test_a_class_token_turns_with_the_tokens_that_it_joins() -> None:
    d = Draft((1, 4, 5))
    x = d.add("Transpose", "x", (1, 5, 4), perm=[0, 2, 1])
    token = [Parameter("token", (1, 1, 4), role="constant")]
    x = d.add("Concat", x, (1, 6, 4), parameters=token, axis=1, parameters_at=[0])
    graph = d.graph(d.add("Relu", x))
    after = changed("layout", graph)
    assert ops(after) == ["Concat", "Relu", "Transpose"]
    assert after.nodes[0].attributes["axis"] == 2
