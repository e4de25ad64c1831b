"""Checks a graph that a worker described, once, where zoodiff receives it.

The worker may have opened an untrusted file, so its description cannot be trusted. Edges, and each
node against the schema of its operator, are checked here. Contradictions that only a pass meets are
reported by ``canonical``.
"""

from __future__ import annotations

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.operators import of_family, problem_of

_CONVOLUTIONS = of_family("convolution")
_RECURRENT = of_family("recurrent")


def check(graph: Graph) -> None:
    """Raise ValueError for a graph with broken edges or with nodes that violate their schema."""
    _check_edges(graph)
    for node in graph.nodes:
        problem = problem_of(node)
        if problem:
            raise ValueError(f"{node.op} {node.name!r:.40} {problem}")
        if node.op in _CONVOLUTIONS:
            _check_window(graph, node)
        if node.op in _RECURRENT:
            _check_sequence(graph, node)


def _check_edges(graph: Graph) -> None:
    """Check that each tensor is described, and produced once before it is read."""
    produced = {tensor.name for tensor in graph.inputs}
    for node in graph.nodes:
        if not produced.issuperset(node.inputs):
            raise ValueError(f"{node.name!r:.40} reads a tensor that no node before it computes")
        if not produced.isdisjoint(node.outputs) or len(set(node.outputs)) < len(node.outputs):
            raise ValueError(f"{node.name!r:.40} computes a tensor that exists already")
        produced.update(node.outputs)
    if not produced.issuperset(tensor.name for tensor in graph.outputs):
        raise ValueError("no node computes an output")
    if not produced.issubset(graph.tensors):
        raise ValueError("a tensor has no shape")


def _check_window(graph: Graph, node: Node) -> None:
    sides = [graph.tensors[name].shape for name in (*node.inputs[:1], *node.outputs)]
    window = node.attributes["kernel_shape"]
    assert isinstance(window, list | tuple)
    if len(sides) < 2 or any(len(shape) != 2 + len(window) for shape in sides):
        raise ValueError(f"{node.op} {node.name!r:.40} has other axes than its kernel")


def _check_sequence(graph: Graph, node: Node) -> None:
    ranks = [len(graph.tensors[name].shape) for name in (*node.inputs, *node.outputs[:1])]
    if not node.inputs or ranks != [*[3] * len(node.inputs), 4]:
        raise ValueError(f"{node.op} {node.name!r:.40} reads or gives no sequence")
