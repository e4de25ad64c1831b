"""The numbers of weights that a network computes from its weights: rotary tables, scaled tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray


def results(
    graph: Graph, tensors: Collection[str], stored: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Return tensors of a graph without passes that depend on its weights alone, by name.

    ``stored`` are weights as the framework stores them. A tensor that is not known is left out: one
    that depends on an input, or whose operators the interpreter cannot run.
    """
    makers = {tensor: node for node in graph.nodes for tensor in node.outputs}
    known: dict[str, NDArray[Any]] = {}
    for tensor in tensors:
        nodes = _closure(tensor, makers)
        part = replace(
            graph,
            inputs=(),
            outputs=tuple(graph.tensors[name] for name in (tensor,) if name in graph.tensors),
            nodes=tuple(node for node in graph.nodes if id(node) in nodes),
        )
        if not nodes or not part.outputs or unsupported(part, opaque=True):
            continue
        try:
            with np.errstate(all="ignore"):
                known |= evaluate(part, {}, stored, None, opaque=True)
        except (MeasurementError, KeyError, ValueError):
            continue
    return known


def _closure(tensor: str, makers: Mapping[str, Node]) -> set[int]:
    """Return the identities of the nodes that make a tensor; none where an input is needed."""
    nodes: set[int] = set()
    waiting = [tensor]
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is None:
            return set()
        if id(maker) not in nodes:
            nodes.add(id(maker))
            waiting += maker.inputs
    return nodes
