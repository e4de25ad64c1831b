"""Columns of linear layers that two networks store in other orders, as their graphs read them.

A map may be flattened channels first or channels last. Canonical graphs flatten all maps alike, and
the views of weights undo the order in which a network stores its columns; so equal functions have
equal canonical weights. The views still say that the stored weights are permuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries import WeightRelation
from zoodiff.equivalence.symmetries.arrays.columns import named_columns, source_of
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Parameter
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import viewed
from zoodiff.text import ending

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Permutation = NDArray[np.int64]

FLATTENING = "flattening order"
"""The kind of the relation."""
_LARGEST = 1 << 24
"""Elements of a weight whose places are looked at one by one."""


def stored_orders(
    alignment: Alignment, stored_a: Mapping[str, Any], stored_b: Mapping[str, Any]
) -> tuple[WeightRelation, ...]:
    """Return a relation per flattened map whose columns the networks store in other orders.

    ``stored_a`` and ``stored_b`` are the weights as the frameworks store them.
    """
    relations = []
    for i, j in alignment.pairs:
        a, b = alignment.a.layers[i], alignment.b.layers[j]
        weights = _columns_moved(a), _columns_moved(b)
        if a.op != "Gemm" or b.op != "Gemm" or not any(moved for _, moved in weights):
            continue
        (p, _), (q, _) = weights
        if p is None or q is None or p.stored not in stored_a or q.stored not in stored_b:
            continue
        ranks = column_ranks(p, stored_a[p.stored]), column_ranks(q, stored_b[q.stored])
        if ranks[0] is None or ranks[1] is None or ranks[0].size != ranks[1].size:
            continue
        order = np.empty_like(ranks[0])
        order[ranks[1]] = ranks[0]
        kind, words = named_columns(order, source_of(alignment.a, a))
        if kind == FLATTENING:
            sentence = f"{words.replace('{}', ending(a.name))}, as each graph reads them"
            relations.append(WeightRelation(kind, ((a.name, b.name),), sentence, True))
    return tuple(relations)


def _columns_moved(layer: Layer) -> tuple[Parameter | None, bool]:
    """The weight of a layer, and whether its view moves columns."""
    weight = next((p for p in layer.node.parameters if p.role == "weight"), None)
    moves = weight is not None and any(
        step == "transpose" and len(numbers) > 2 for step, numbers in weight.view
    )
    return weight, moves


def column_ranks(parameter: Parameter, stored: NDArray[Any]) -> Permutation | None:
    """For each canonical column its place among the stored ones; None where that is not known."""
    if parameter.whole or len(parameter.shape) != 2:
        return None
    shape, small = np.shape(stored), parameter
    rows = parameter.shape[0]
    kept = shape[:1] == (rows,) and all(
        numbers[:1] == ((rows,) if step == "reshape" else (0,)) for step, numbers in parameter.view
    )
    if kept and rows > 1:  # one row is enough
        view = tuple(
            (step, (1, *numbers[1:]) if step == "reshape" else numbers)
            for step, numbers in parameter.view
        )
        small, shape = replace(parameter, view=view), (1, *shape[1:])
    size = int(np.prod(shape))
    if size > _LARGEST:
        return None
    places = viewed(small, np.arange(size).reshape(shape)).reshape(-1, parameter.shape[1])[0]
    ranks = np.empty(places.size, dtype=np.int64)
    ranks[np.argsort(places)] = np.arange(places.size)
    return ranks
