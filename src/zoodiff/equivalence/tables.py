"""Whether networks hold the same tables of ids, where not all weights can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.runs.named_inputs import is_embedding
from zoodiff.equivalence.weights.weight_diff import canonical
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import Weights


def equal_tables(diff: Diff, stored: tuple[Mapping[str, Any], Mapping[str, Any]]) -> bool:
    """Return whether every table that ids index is aligned with an equal one.

    ``stored`` are the weights as the frameworks store them.
    """
    graphs = diff.a.canonical, diff.b.canonical
    tables = [{n.name: n for n in graph.nodes if is_embedding(n)} for graph in graphs]
    counterparts = {
        diff.alignment.a.layers[i].node.name: diff.alignment.b.layers[j].node.name
        for i, j in diff.alignment.pairs
    }
    paired = {counterparts.get(name, "") for name in tables[0]}
    if not tables[0] or paired != tables[1].keys():
        return False
    try:
        mine, theirs = map(_weights_of_tables, graphs, stored)
    except MeasurementError:
        return False
    return all(
        _equal([mine[p.name] for p in node.parameters], [theirs[q.name] for q in other])
        for name, node in tables[0].items()
        for other in [tables[1][counterparts[name]].parameters]
    )


def _weights_of_tables(graph: Graph, stored: Mapping[str, Any]) -> Weights:
    nodes = tuple(node for node in graph.nodes if is_embedding(node))
    return canonical(replace(graph, nodes=nodes), stored)


def _equal(first: list[Any], second: list[Any]) -> bool:
    return bool(first) and len(first) == len(second) and all(map(np.array_equal, first, second))
