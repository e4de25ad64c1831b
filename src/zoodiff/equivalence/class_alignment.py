"""Classifiers of different width: the classes of one network in the order of the other.

A network with a background class has 1,001 outputs where another has 1,000. The weights of the one
fit the other when the classifier's rows are put in the order of the other's classes. A class that
only the other network has gets a row that is never predicted.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.weights.weight_transfer import AffineParts, own_parameters, parts
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = "ARC141"
"""Code of the finding about the number of classes."""
_NEVER = -1e4
"""Logit of a class that is never predicted; its softmax is 0 in single precision."""


def matched(
    diff: Diff, weights: Weights, rows: NDArray[np.int64]
) -> tuple[Alignment, Weights] | None:
    """Alignment and canonical weights with the first network's classes as the second has them.

    ``rows`` is (outputs of the second,), the output of the first that means the same, -1 for none.
    None where the networks do not end in one classifier each, with as many rows as ``rows`` needs.
    """
    differences = [
        difference
        for finding in diff.findings
        if finding.code == WIDTH
        for difference in finding.differences
    ]
    if len(differences) != 1 or len(differences[0].a) != 1 or len(differences[0].b) != 1:
        return None
    (i,), (j,) = differences[0].a, differences[0].b
    layer = diff.alignment.a.layers[i]
    mine, theirs = parts(layer), parts(diff.alignment.b.layers[j])
    if mine is None or mine.weight is None or theirs is None or theirs.weight is None:
        return None
    if theirs.weight.shape[0] != len(rows) or rows.max() >= mine.weight.shape[0]:
        return None
    if (rows < 0).any() and not (_offset(mine) and _offset(theirs)):
        return None  # without a bias no class can be kept from being predicted
    widened = _rows(layer, mine, weights, rows)
    if widened is None:
        return None
    wider, changed = widened
    graph = copy.copy(diff.alignment.a)
    graph.layers = [wider if k == i else kept_layer for k, kept_layer in enumerate(graph.layers)]
    return replace(diff.alignment, a=graph), {**weights, **changed}


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
    wider = copy.copy(layer)
    wider.node, *wider.chain = (_reshaped(node, shapes) for node in (layer.node, *layer.chain))
    return wider, changed


def _reshaped(node: Node, shapes: dict[str, tuple[int, ...]]) -> Node:
    return replace(
        node,
        parameters=tuple(replace(p, shape=shapes.get(p.name, p.shape)) for p in node.parameters),
    )
