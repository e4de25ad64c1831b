"""What a product of two computed tensors does to labels: pairs that are summed belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.labels import (
    Group,
    Marked,
    joined,
    mixed,
    spread,
    summed,
    tagged,
    transpose,
)
from zoodiff.equivalence.symmetries.steps import NEAR, TERM, Step, without_factors
from zoodiff.graph.ir import Node

if TYPE_CHECKING:
    from numpy.typing import NDArray


def product(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    """A product of two computed tensors: pairs that are summed have a label of both."""
    shape = shapes[0]
    if len(inputs) != 2 or node.parameters or "equation" in node.attributes:
        return None
    if len(inputs[0].shape) != len(shape) or len(inputs[1].shape) != len(shape):
        return None
    m, n = len(shape) - 2, len(shape) - 1
    first = _turned(inputs[0], bool(a["transA"]))
    second = _turned(inputs[1], not a["transB"])  # rows are terms, columns last but one
    inner = [x.group(n) for x in (first, second)]
    if any(g is None or m in g.axes for g in inner):
        return None
    one, two = inner[0], inner[1]
    assert one is not None and two is not None
    axes = tuple(sorted(set(one.axes) | set(two.axes)))
    pairs = mixed(
        joined(mixed(spread(one.labels, one.axes, axes)), mixed(spread(two.labels, two.axes, axes)))
    )
    left = axes[:-1]
    factor, ends = _contracted(one, two, axes)
    groups = [Group(left, summed(pairs, [len(left)]), factor)] if left else []
    groups += [g for g in first.groups if n not in g.axes]
    for g in second.groups:
        if n not in g.axes:
            groups.append(replace(g, axes=tuple(n if axis == m else axis for axis in g.axes)))
    merged = _united(groups)
    if merged is None:
        return None
    result = Marked(shape, merged, first.events | second.events)
    return Step([without_factors(result) if ends else result], ends)


def _turned(x: Marked, turn: bool) -> Marked:
    rank = len(x.shape)
    return transpose(x, [*range(rank - 2), rank - 1, rank - 2]) if turn else x


def _contracted(
    one: Group, two: Group, axes: tuple[int, ...]
) -> tuple[NDArray[np.float64] | None, bool]:
    """The factor of a sum of products, and whether there is none for all terms."""
    if one.factors is None and two.factors is None:
        return None, False
    product = np.ones((1,) * len(axes))
    for g in (one, two):
        if g.factors is not None:
            product = product * spread(g.factors, g.axes, axes)
    if not np.allclose(product, product[..., :1], rtol=NEAR, atol=0):
        return None, True
    mean = product[..., 0]
    if np.allclose(mean, 1, rtol=NEAR):
        return None, False
    return None, True


def _united(groups: Sequence[Group]) -> tuple[Group, ...] | None:
    """Groups that share axes become one; their labels are joined."""
    found: list[Group] = []
    for group in groups:
        g = group
        for h in [h for h in found if set(h.axes) & set(g.axes)]:
            found.remove(h)
            axes = tuple(sorted(set(g.axes) | set(h.axes)))
            labels = joined(
                tagged(spread(g.labels, g.axes, axes), TERM),
                tagged(spread(h.labels, h.axes, axes), TERM),
            )
            factors = None
            for part in (g, h):
                if part.factors is not None:
                    wide = spread(part.factors, part.axes, axes)
                    factors = wide * (1.0 if factors is None else factors)
            if factors is not None:
                factors = np.array(np.broadcast_to(factors, labels.shape))
            g = Group(axes, labels, factors)
        found.append(g)
    return tuple(sorted(found, key=lambda g: g.axes))
