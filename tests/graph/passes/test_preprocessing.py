"""A stated preprocessing head; the truth is numpy's scale and offset per channel."""

from __future__ import annotations

import numpy as np

from support.passes import (
    around,
    assert_same_numbers,
    changed,
    clean_ops,
    image_of,
    numbers,
    ops,
    same_numbers,
    untouched,
)
from support.small import Draft
from zoodiff.graph.ir import Graph


def test_channels_that_are_prepared_one_by_one_are_one_step() -> None:
    d = Draft((1, 3, 8, 8))
    parts = []
    for channel, (scale, offset) in enumerate(((0.5, 0.1), (0.4, 0.0), (0.3, -0.2))):
        x = d.add("Gather", "x", (1, 8, 8), axis=1, index=channel)
        x = d.add("Unsqueeze", x, (1, 1, 8, 8), axes=[1])
        parts.append(d.add("Add", d.add("Mul", x, value=scale), value=offset))
    graph = d.graph(d.conv(d.add("Concat", parts, (1, 3, 8, 8), axis=1)))
    assert clean_ops(graph) == ["Mul", "Add", "Conv"]
    same_numbers(graph)


def test_channels_in_another_order_are_not_forgotten() -> None:
    d = Draft((1, 3, 8, 8))
    parts = [
        d.add("Slice", "x", (1, 1, 8, 8), axes=[1], starts=[c], ends=[c + 1], steps=[1])
        for c in (2, 1, 0)
    ]
    graph = d.graph(d.conv(d.add("Concat", parts, (1, 3, 8, 8), axis=1)))
    assert "Concat" in clean_ops(graph)
    same_numbers(graph)


def head(*, read_twice: bool = False) -> Graph:
    d = Draft((1, 3, 8, 9))
    x = d.add("Mul", "x", value=2.0)
    first = x = d.add("Add", x, value=[0.5, 0.25, 0.0], axis=1)
    x = d.add("Mul", x, value=[1.0, 2.0, 4.0], axis=1)
    return d.graph(d.add("Tanh", x), *([first] if read_twice else []))


def test_a_chain_of_steps_is_one_scale_and_one_offset() -> None:
    graph = head()
    after = changed("preprocessing", graph)
    assert ops(after) == ["Mul", "Add", "Tanh"]
    assert after.nodes[0].attributes["value"] == [2.0, 4.0, 8.0]
    assert after.nodes[1].attributes["value"] == [0.5, 0.5, 0.0]
    scale, offset = (np.array(v).reshape(3, 1, 1) for v in ([2.0, 4.0, 8.0], [0.5, 0.5, 0.0]))
    wanted = np.tanh(image_of(graph) * scale + offset)
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-12)


def test_a_chain_ends_where_others_read_it() -> None:
    graph = head(read_twice=True)
    _, after = around("preprocessing", graph)
    assert ops(after) == ["Mul", "Add", "Mul", "Tanh"]
    assert_same_numbers(graph, after)


def test_arithmetic_behind_a_layer_is_no_preprocessing() -> None:
    d = Draft((1, 3, 8, 9))
    x = d.add("Tanh", "x")
    graph = d.graph(d.add("Mul", d.add("Add", d.add("Mul", x, value=2.0), value=1.0), value=3.0))
    assert ops(untouched("preprocessing", graph)) == ["Tanh", "Mul", "Add", "Mul"]


def test_what_is_no_image_has_no_preprocessing() -> None:
    d = Draft((1, 30))
    graph = d.graph(d.add("Mul", d.add("Add", d.add("Mul", "x", value=2.0), value=1.0), value=3.0))
    assert ops(untouched("preprocessing", graph)) == ["Mul", "Add", "Mul"]
