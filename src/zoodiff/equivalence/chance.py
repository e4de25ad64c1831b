"""What makes the outputs of a network depend on more than its input: chance, and other images."""

from __future__ import annotations

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.random_operators import drawing

_NAMED = 2
"""Random operators that a reason names."""


def chance(graph: Graph) -> str:
    """Return why outputs depend on chance; empty where nothing in the graph shows that they do."""
    if any(map(drops, graph.nodes)):
        return "active dropout"
    operators = list(dict.fromkeys(node.op for node in drawing(graph)))
    return f"random numbers: {', '.join(operators[:_NAMED])}" if operators else ""


def drops(node: Node) -> bool:
    """Return whether a node is a dropout that is active at inference."""
    return node.op == "Dropout" and bool(node.attributes.get("training"))


def normalises_batches(node: Node) -> bool:
    """Return whether a node is a batch norm that uses the statistics of the batch at hand."""
    return node.op == "BatchNormalization" and bool(node.attributes.get("training"))
