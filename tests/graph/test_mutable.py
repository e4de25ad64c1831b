"""The order of nodes and the removal of unneeded ones, against plain definitions of both."""

from __future__ import annotations

import random

import pytest

from support.networks import NETWORKS, network
from support.small import Draft
from support.transformers import stack
from zoodiff.graph.ir import Graph
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes import PASSES

GRAPHS = {path.name: lambda path=path: network(path) for path in NETWORKS} | {
    "heads": lambda: stack(*[{"heads": 2}] * 3)
}


def first_come(graph: MutableGraph) -> list[MutableNode]:
    """Return again and again the first node, by position and age, that waits for no other."""
    left = sorted(graph.nodes.values(), key=lambda node: (node.order, node.age))
    ordered: list[MutableNode] = []
    while left:
        waiting = {tensor for node in left for tensor in node.outputs}
        ordered.append(next(n for n in left if waiting.isdisjoint(n.inputs)))
        left.remove(ordered[-1])
    return ordered


@pytest.mark.parametrize("seed", range(12))
def test_nodes_come_by_edges_then_position_then_age(seed: int) -> None:
    r = random.Random(seed)
    d = Draft()
    graph = MutableGraph(d.graph(d.add("Relu", "x")))
    tensors = ["x", *graph.outputs]
    for k in range(30):
        inputs = r.sample(tensors, min(len(tensors), r.choice((1, 2))))
        order = float(k if seed % 2 else r.randrange(6))
        tensors.append(graph.add("Add", f"add{k}", inputs, (1, 4, 8, 8), {}, order=order).output)
    assert graph.in_order() == first_come(graph)


def needed(graph: MutableGraph) -> set[int]:
    """Return the ages of all nodes that outputs depend on."""
    ages: set[int] = set()
    waiting = [graph.producer[tensor] for tensor in graph.outputs if tensor in graph.producer]
    while waiting:
        node = waiting.pop()
        if node.age not in ages:
            ages.add(node.age)
            waiting += [graph.producer[t] for t in node.inputs if t in graph.producer]
    return ages


@pytest.mark.parametrize("name", GRAPHS)
def test_after_each_pass_exactly_the_needed_nodes_remain(name: str) -> None:
    graph = MutableGraph(GRAPHS[name]())
    for rewrite in PASSES:
        rewrite.run(graph)
        graph.prune()
        assert set(graph.nodes) == needed(graph), rewrite.name
        assert graph.in_order() == first_come(graph), rewrite.name


def test_what_no_output_needs_is_removed_with_all_before_it() -> None:
    def unneeded() -> Graph:
        d = Draft()
        y = d.add("Relu", d.add("Relu", "x"))
        d.add("Tanh", [d.add("Tanh", y), y])
        return d.graph(y)

    graph = MutableGraph(unneeded())
    graph.prune()
    assert [node.op for node in graph] == ["Relu", "Relu"]
    graph.outputs = ["x"]
    graph.prune()
    assert not graph.nodes
