r"""Merge duplicate computations.

Two nodes of one operator with the same attributes and the same inputs, and without weights, hold
the same values. Frameworks that build networks layer by layer repeat a rectifier for every branch;
optimisers merge them. Of two reshapes of a tensor whose shapes differ by axes of extent 1, the
second reads the first.
"""

from __future__ import annotations

from typing import Any

from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.operators.random_numbers import draws

NOTE = "duplicates"
_COMMUTATIVE = frozenset({"Add", "Max", "Mean", "Min", "Mul"})


def run(graph: MutableGraph) -> None:
    """Merge equal nodes, including nodes that become equal once their inputs are merged."""
    shared = {tensor for tensor, users in graph.users.items() if len(users) > 1}
    if not shared:
        return
    first_by_key: dict[tuple[Any, ...], MutableNode] = {}
    for node in graph.in_order():
        if node.parameters or not node.inputs or _is_random(node):
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
    _reshapes(graph, shared)


def _is_random(node: MutableNode) -> bool:
    """Whether two such nodes differ: each draws numbers of its own."""
    return bool(node.attributes.get("training")) or draws(node)


def _reshapes(graph: MutableGraph, shared: set[str]) -> None:
    """Let reshapes of a tensor follow each other where only axes of extent 1 tell them apart."""
    seen: dict[tuple[str, tuple[int, ...]], MutableNode] = {}
    for node in graph.in_order():
        if node.op != "Reshape" or node.parameters or not shared.issuperset(node.inputs):
            continue
        wide = tuple(extent for extent in graph.shape(node.output) if extent != 1)
        if len(node.inputs) != 1 or -1 in wide:
            continue
        if wide == tuple(extent for extent in graph.shape(node.inputs[0]) if extent != 1):
            continue
        first = seen.setdefault((node.inputs[0], wide), node)
        if first is not node:
            graph.read(node, [first.output])
            node.notes.add(NOTE)


def _frozen(value: object) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((key, _frozen(item)) for key, item in value.items()))
    return tuple(value) if isinstance(value, list) else value
