"""Classifiers of different width: the classes of one network in the order of the other.

A network with a background class has 1,001 outputs where another has 1,000. Its weights fit the
other one when the classifier's rows are put in the other's order, the row of a class that only the
other one has being one that is never answered.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.weight_transfer import AffineParts, own_parameters, parts
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = "ARC141"
"""Code of the difference that is meant."""
_NEVER = -1e4
"""Logit of a class that is not to be answered; behind a softmax it is 0 in single precision."""


def matched(
    found: Diff, weights: Weights, rows: NDArray[np.int64]
) -> tuple[Alignment, Weights] | None:
    """Alignment and canonical weights with the first network's classes as the second has them.

    ``rows`` is (outputs of the second,), the output of the first that means the same, -1 for none.
    None where the classifiers are no two layers with weights of so many classes.
    """
    differences = [
        difference for one in found.findings if one.code == WIDTH for difference in one.differences
    ]
    if len(differences) != 1 or len(differences[0].a) != 1 or len(differences[0].b) != 1:
        return None
    (i,), (j,) = differences[0].a, differences[0].b
    layer = found.alignment.a.layers[i]
    mine, theirs = parts(layer), parts(found.alignment.b.layers[j])
    if mine is None or mine.weight is None or theirs is None or theirs.weight is None:
        return None
    if theirs.weight.shape[0] != len(rows) or rows.max() >= mine.weight.shape[0]:
        return None
    if (rows < 0).any() and not (_offset(mine) and _offset(theirs)):
        return None  # nowhere to say that a class is never answered
    made = _rows(layer, mine, weights, rows)
    if made is None:
        return None
    wider, changed = made
    graph = copy.copy(found.alignment.a)
    graph.layers = [wider if k == i else one for k, one in enumerate(graph.layers)]
    return replace(found.alignment, a=graph), {**weights, **changed}


def _offset(part: AffineParts) -> bool:
    return part.bias is not None or bool(part.shifts)


def _rows(
    layer: Layer, part: AffineParts, weights: Weights, rows: NDArray[np.int64]
) -> tuple[Layer, Weights] | None:
    """The layer and its weights with other rows."""
    import numpy as np

    assert part.weight is not None
    width = part.weight.shape[0]
    never = part.bias or part.shifts[0] if _offset(part) else None
    changed: Weights = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for p in own_parameters(layer):
        if width not in p.shape or (p.role == "weight" and p.shape[0] != width):
            return None
        axis = p.shape.index(width)
        taken = np.take(weights[p.name], np.maximum(rows, 0), axis=axis)
        there = np.moveaxis(taken, axis, 0)
        there[rows < 0] = _NEVER if p is never else 0.0
        changed[p.name], shapes[p.name] = taken, taken.shape
    found = copy.copy(layer)
    found.node, *found.chain = (_reshaped(node, shapes) for node in (layer.node, *layer.chain))
    return found, changed


def _reshaped(node: Node, shapes: dict[str, tuple[int, ...]]) -> Node:
    return replace(
        node,
        parameters=tuple(replace(p, shape=shapes.get(p.name, p.shape)) for p in node.parameters),
    )
