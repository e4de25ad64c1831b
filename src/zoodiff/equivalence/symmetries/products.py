"""The labels of a product of two computed tensors, from the pairs of elements that are summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from zoodiff.equivalence.symmetries.labels import (
    LARGEST,
    Group,
    Marked,
    joined,
    mixed,
    multiplied,
    spread,
    summed,
    tagged,
    transpose,
)
from zoodiff.equivalence.symmetries.steps import NEAR, TERM, Step, without_factors
from zoodiff.graph.ir import Node

_ROUNDED = 2e-3


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
    second = _turned(inputs[1], not a["transB"])  # what is summed stands last in both
    left, right = first.group(n), second.group(n)
    if left is None or right is None:
        return None
    # Axes as in the result, and behind them the one that is summed.
    left = replace(left, axes=tuple({n: n + 1}.get(k, k) for k in left.axes))
    right = replace(right, axes=tuple({m: n, n: n + 1}.get(k, k) for k in right.axes))
    axes = tuple(sorted({*left.axes, *right.axes}))
    wide = [spread(g.labels, g.axes, axes) for g in (left, right)]
    if prod(np.broadcast_shapes(*(x.shape for x in wide))) > LARGEST:
        return None
    pairs = mixed(joined(*(mixed(x) for x in wide)))
    groups = [Group(axes[:-1], summed(pairs, [len(axes) - 1]))] if len(axes) > 1 else []
    groups += [g for g in first.groups if n not in g.axes]
    for g in second.groups:
        if n not in g.axes:
            groups.append(replace(g, axes=tuple({m: n}.get(k, k) for k in g.axes)))
    merged = _united(groups)
    if merged is None:
        return None
    uncertain = first.uncertain + second.uncertain
    result = Marked(shape, merged, first.events | second.events, uncertain=uncertain)
    ends = _uneven(left, right, axes, uncertain)
    return Step([without_factors(result) if ends else result], ends)


def _turned(x: Marked, turn: bool) -> Marked:
    rank = len(x.shape)
    return transpose(x, [*range(rank - 2), rank - 1, rank - 2]) if turn else x


def _uneven(left: Group, right: Group, axes: tuple[int, ...], uncertain: float) -> bool:
    """Whether the factors of the terms of a sum do not cancel, by more than they are uncertain."""
    total = multiplied((left, right), axes, (1,) * len(axes))
    if total is None:
        return False
    # Factors of rounded weights are off by chance, to both sides; others to one.
    mean, largest = abs(float(total.mean()) - 1), float(np.abs(total - 1).max())
    return mean > max(NEAR, uncertain) or largest > max(_ROUNDED, uncertain)


def _united(groups: Sequence[Group]) -> tuple[Group, ...] | None:
    """Groups that share axes become one; their labels are joined."""
    united: list[Group] = []
    for group in groups:
        g = group
        for h in [h for h in united if set(h.axes) & set(g.axes)]:
            united.remove(h)
            axes = tuple(sorted(set(g.axes) | set(h.axes)))
            wide = [spread(x.labels, x.axes, axes).shape for x in (g, h)]
            if prod(np.broadcast_shapes(*wide)) > LARGEST:
                return None
            labels = joined(
                tagged(spread(g.labels, g.axes, axes), TERM),
                tagged(spread(h.labels, h.axes, axes), TERM),
            )
            g = Group(axes, labels, multiplied((g, h), axes, labels.shape))
        united.append(g)
    return tuple(sorted(united, key=lambda g: g.axes))
