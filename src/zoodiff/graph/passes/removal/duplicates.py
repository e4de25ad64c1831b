r"""Merge duplicate computations.

Two nodes of one operator with the same attributes and the same inputs, and without weights, hold
the same values. Frameworks that build networks layer by layer repeat a rectifier for every branch;
optimisers merge them.
"""

from __future__ import annotations

from typing import Any

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "duplicates"
_COMMUTATIVE = frozenset({"Add", "Max", "Mean", "Min", "Mul"})


def run(graph: MutableGraph) -> None:
    """Merge equal nodes, including nodes that become equal once their inputs are merged."""
    shared = {tensor for tensor, users in graph.users.items() if len(users) > 1}
    if not shared:
        return
    first_by_key: dict[tuple[Any, ...], MutableNode] = {}
    for node in graph.in_order():
        if node.parameters or not node.inputs:
            continue
        if not shared.intersection(node.inputs):
            continue
        inputs = node.inputs if node.op not in _COMMUTATIVE else sorted(node.inputs)
        key = (node.op, tuple(inputs), _frozen(node.attributes), len(node.outputs))
        first = first_by_key.setdefault(key, node)
        if first is node:
            continue
        for duplicate, original in zip(node.outputs, first.outputs, strict=True):
            shared.add(original)
            graph.redirect(duplicate, original)
        first.notes.add(NOTE)
        graph.remove(node)


def _frozen(value: object) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((key, _frozen(item)) for key, item in value.items()))
    return tuple(value) if isinstance(value, list) else value
