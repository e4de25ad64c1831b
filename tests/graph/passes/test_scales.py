"""Numbers that multiply a factor multiply the product."""

from __future__ import annotations

import numpy as np
import pytest

from support.passes import changed, image_of, numbers, only, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def scores(value, *, through: str = "", read_twice: bool = False) -> Graph:
    """A product of which the first factor is multiplied."""
    d = Draft((1, 2, 5, 3))
    q, k = d.add("Tanh", "x"), d.add("Relu", "x")
    scaled = d.add("Mul", q, value=value, **({"axis": 1} if isinstance(value, list) else {}))
    moved = d.add("Reshape", scaled, (2, 5, 3)) if through else scaled
    k = d.add("Transpose", k, (1, 2, 3, 5), perm=[0, 1, 3, 2])
    k = d.add("Reshape", k, (2, 3, 5)) if through else k
    shape = (2, 5, 5) if through else (1, 2, 5, 5)
    x = d.add("MatMul", [moved, k], shape, batch=2, m=5, k=3, n=5)
    return d.graph(x, *([scaled] if read_twice else []))


@pytest.mark.parametrize("through", ["", "Reshape"])
def test_the_number_of_a_factor_is_the_products(through: str) -> None:
    graph = scores(0.25, through=through)
    after = changed("scales", graph)
    assert only(after, "MatMul").attributes["scale"] == 0.25
    assert "Mul" not in ops(after)
    x = image_of(graph)
    wanted = 0.25 * np.tanh(x) @ np.maximum(x, 0).transpose(0, 1, 3, 2)
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-12)


def test_a_number_that_others_read_too_stays() -> None:
    assert "Mul" in ops(untouched("scales", scores(0.25, read_twice=True)))


def test_numbers_of_channels_stay() -> None:
    assert "Mul" in ops(untouched("scales", scores([0.25, 0.5])))
