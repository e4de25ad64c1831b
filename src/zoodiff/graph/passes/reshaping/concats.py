r"""Flatten concatenations of concatenations along one axis.

:math:`[[a, b], c] = [a, b, c]`. The inner one stays where other nodes read it too. Networks of the
DenseNet family are written both ways.
"""

from __future__ import annotations

from zoodiff.graph.mutable import MutableGraph

NOTE = "concatenations"


def run(graph: MutableGraph) -> None:
    """Flatten nested concatenations, inner ones first."""
    for node in graph.of("Concat"):
        if node.parameters:
            continue
        flat: list[str] = []
        for tensor in node.inputs:
            inner = graph.producer.get(tensor)
            nested = (
                inner is not None
                and inner.op == "Concat"
                and not inner.parameters
                and inner.attributes.get("axis") == node.attributes.get("axis")
            )
            flat += inner.inputs if nested and inner is not None else [tensor]
        if len(flat) > len(node.inputs):
            node.notes.add(NOTE)
            graph.read(node, flat)
