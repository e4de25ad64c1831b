"""One spelling for reshapes, slices and splits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.passes import around, changed, ops, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph, Tensor

SHAPE = (1, 4, 3, 6)


def one(op: str, shape: tuple[int, ...], **attributes) -> Graph:
    d = Draft(SHAPE)
    return d.graph(d.add("Exp", d.add(op, d.add("Tanh", "x"), shape, **attributes)))


@pytest.mark.parametrize(
    ("op", "shape", "attributes"),
    [
        ("Flatten", (1, 72), {"axis": 1}),
        ("Squeeze", (4, 3, 6), {"axes": [0]}),
        ("Unsqueeze", (1, 1, 4, 3, 6), {"axes": [1]}),
        ("ReduceMean", (4, 3, 6), {"axes": [0], "keepdims": False}),
        ("ReduceSum", (4, 3, 6), {"axes": [0], "keepdims": False}),
    ],
)
def test_what_only_changes_the_shape_is_a_reshape(op, shape, attributes) -> None:
    assert ops(changed("shapes", one(op, shape, **attributes))) == ["Tanh", "Reshape", "Exp"]


def test_a_mean_of_several_elements_stays() -> None:
    graph = one("ReduceMean", (1, 3, 6), axes=[1], keepdims=False)
    assert "ReduceMean" in ops(untouched("shapes", graph))


def test_one_index_is_a_slice() -> None:
    after = changed("shapes", one("Gather", (1, 4, 6), axis=2, index=-1))
    assert ops(after) == ["Tanh", "Slice", "Reshape", "Exp"]
    assert after.nodes[1].attributes == {"axes": [2], "starts": [2], "ends": [3], "steps": [1]}


def test_all_indices_in_order_move_nothing_and_in_another_order_do() -> None:
    graph = one("Gather", SHAPE, axis=2, indices=[0, 1, 2])
    assert ops(changed("shapes", graph)) == ["Tanh", "Exp"]
    graph = one("Gather", SHAPE, axis=2, indices=[0, 2, 1])
    assert ops(untouched("shapes", graph)) == ["Tanh", "Gather", "Exp"]


def test_a_split_is_its_slices() -> None:
    d = Draft(SHAPE)
    first, second = d.add("Split", "x", (1, 1, 3, 6), axis=1, split=[1, 3]), "rest"
    d.tensors[second] = Tensor(second, (1, 3, 3, 6))
    d.nodes[-1] = replace(d.nodes[-1], outputs=(first, second))
    graph = d.graph(d.add("Exp", first), d.add("Tanh", second))
    after = changed("shapes", graph)
    cuts = [n.attributes for n in after.nodes if n.op == "Slice"]
    assert sorted((a["starts"], a["ends"]) for a in cuts) == [([0], [1]), ([1], [4])]


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        (([3, 2], [1, 0], [-1, 3], None), ([3], [1], [5], [1])),
        (([3], [-2], [100], [1]), ([3], [4], [6], [1])),
        (([3], [5], [-100], [-1]), ([3], [5], [-7], [-1])),
        (([3], [5], [1], [-2]), ([3], [5], [1], [-2])),
    ],
)
def test_slices_have_one_spelling(given, clean) -> None:
    axes, starts, ends, steps = given
    extents = [
        len(range(*slice(s, e, t).indices(SHAPE[a])))
        for a, s, e, t in zip(axes, starts, ends, steps or [1] * len(axes), strict=True)
    ]
    shape = list(SHAPE)
    for axis, extent in zip(axes, extents, strict=True):
        shape[axis] = extent
    named = {"axes": axes, "starts": starts, "ends": ends} | ({"steps": steps} if steps else {})
    graph = one("Slice", tuple(shape), **named)
    attributes = dict(zip(("axes", "starts", "ends", "steps"), clean, strict=True))
    if named == attributes:
        assert untouched("shapes", graph).nodes[1].attributes == attributes
    else:
        assert changed("shapes", graph).nodes[1].attributes == attributes


def test_slices_along_other_axes_are_one_and_along_the_same_two() -> None:
    def cut_twice(axis: int) -> Graph:
        d = Draft(SHAPE)
        x = d.add("Slice", "x", (1, 4, 3, 4), axes=[3], starts=[1], ends=[5], steps=[1])
        shape = (1, 4, 3, 2) if axis == 3 else (1, 2, 3, 4)
        end = d.add("Slice", x, shape, axes=[axis], starts=[0], ends=[2], steps=[1])
        return d.graph(d.add("Exp", end))

    assert ops(changed("shapes", cut_twice(1))) == ["Slice", "Exp"]
    assert ops(untouched("shapes", cut_twice(3))) == ["Slice", "Slice", "Exp"]


@pytest.mark.parametrize(("start", "end", "part"), [(0, 4, "Tanh"), (4, 10, "Elu")])
def test_a_slice_of_joined_tensors_that_is_one_of_them_is_that_one(start, end, part) -> None:
    d = Draft(SHAPE)
    wide = d.add("Elu", d.conv("x", 6), alpha=1.0)
    joined = d.add("Concat", [d.add("Tanh", "x"), wide], (1, 10, 3, 6), axis=1)
    size = (1, end - start, 3, 6)
    x = d.add("Slice", joined, size, axes=[1], starts=[start], ends=[end], steps=[1])
    assert part in ops(around("shapes", d.graph(d.add("Exp", x)))[1])
    assert "Slice" not in ops(around("shapes", d.graph(d.add("Exp", x)))[1])


def test_a_slice_across_joined_tensors_stays() -> None:
    d = Draft(SHAPE)
    joined = d.add("Concat", [d.add("Tanh", "x"), d.add("Sigmoid", "x")], (1, 8, 3, 6), axis=1)
    x = d.add("Slice", joined, (1, 4, 3, 6), axes=[1], starts=[2], ends=[6], steps=[1])
    assert "Slice" in ops(untouched("shapes", d.graph(d.add("Exp", x))))
