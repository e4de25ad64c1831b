"""What changes nothing is dropped, and what looks like it stays."""

from __future__ import annotations

from typing import Any

import pytest

from support.passes import changed, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph

POOL = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0, 0, 0, 0], "ceil_mode": False}
PAD = {"axes": [2, 3], "mode": "constant", "value": 0.0}
SLICE = {"axes": [2], "starts": [0], "ends": [8]}
MAP = (1, 4, 8, 8)


def between(op: str, shape: tuple[int, ...], attributes: dict[str, Any]) -> Graph:
    """A node between two activations."""
    d = Draft(MAP)
    return d.graph(d.add("Exp", d.add(op, d.add("Tanh", "x"), shape, **attributes)))


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Identity", {}),
        ("Dropout", {}),
        ("Add", {"value": 0.0}),
        ("Sub", {"value": 0.0}),
        ("Mul", {"value": 1.0}),
        ("Div", {"value": 1.0}),
        ("Mul", {"value": [1.0, 1.0, 1.0, 1.0], "axis": 1}),
        ("Cast", {"to": "float16"}),
        ("Concat", {"axis": 1}),
        ("Reshape", {}),
        ("Transpose", {"perm": [0, 1, 2, 3]}),
        ("Slice", SLICE | {"steps": [1]}),
        ("Pad", PAD | {"pads": [0, 0, 0, 0]}),
        ("MaxPool", POOL),
        ("AveragePool", POOL),
    ],
)
def test_what_changes_nothing_is_dropped(op: str, attributes: dict[str, Any]) -> None:
    assert ops(changed("noops", between(op, MAP, attributes))) == ["Tanh", "Exp"]


@pytest.mark.parametrize(
    ("op", "shape", "attributes"),
    [
        ("Add", MAP, {"value": 1.0}),
        ("Sub", MAP, {"value": 0.0, "constant_first": True}),
        ("Div", MAP, {"value": 1.0, "constant_first": True}),
        ("Mul", MAP, {"value": [1.0, 1.0, 1.0, 2.0], "axis": 1}),
        ("Cast", MAP, {"to": "int64"}),
        ("Reshape", (1, 8, 4, 8), {}),
        ("Transpose", MAP, {"perm": [0, 1, 3, 2]}),
        ("Slice", MAP, SLICE | {"starts": [7], "ends": [-9], "steps": [-1]}),
        ("Pad", (1, 4, 9, 8), PAD | {"pads": [1, 0, 0, 0]}),
        ("MaxPool", (1, 4, 4, 4), POOL | {"strides": [2, 2]}),
        ("Relu", MAP, {}),
    ],
)
def test_what_changes_something_stays(
    op: str, shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    assert ops(untouched("noops", between(op, shape, attributes))) == ["Tanh", op, "Exp"]


@pytest.mark.parametrize("batch", [1, 2])
def test_an_expansion_to_the_same_shape_is_dropped(batch: int) -> None:
    d = Draft(MAP)
    x = d.add("Expand", d.add("Tanh", "x"), (batch, 4, 8, 8))
    d.nodes[-1].attributes["shape"] = [batch, 4, 8, 8]
    graph = d.graph(d.add("Exp", x))
    if batch == 1:
        assert ops(changed("noops", graph)) == ["Tanh", "Exp"]
    else:
        assert ops(untouched("noops", graph)) == ["Tanh", "Expand", "Exp"]


@pytest.mark.parametrize("before", ["Sigmoid", "Softplus", "Abs", "Relu"])
def test_a_rectifier_of_what_is_not_negative_is_dropped(before: str) -> None:
    d = Draft(MAP)
    pool = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1], "ceil_mode": False}
    through = d.add("Reshape", d.add("MaxPool", d.add(before, "x"), MAP, **pool), (1, 256))
    assert ops(changed("noops", d.graph(d.add("Relu", through)))) == [before, "MaxPool", "Reshape"]
