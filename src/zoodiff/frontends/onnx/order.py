"""Sorts the nodes of an ONNX graph topologically.

The format demands this order, but some converters break it: ONNX Runtime's converter to half
precision appends its casts. Runtimes sort the nodes themselves.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.protobuf import GraphProto, NodeProto


def put_in_order(graph: GraphProto, source: str) -> bool:
    """Sort the nodes in place, close to their order; return whether they were unsorted.

    Raises MeasurementError for a cycle.
    """
    nodes = list(graph.node)
    maker = {name: k for k, node in enumerate(nodes) for name in node.output if name}
    needs = [{maker[name] for name in node.input if name in maker} for node in nodes]
    if all(max(before, default=-1) < k for k, before in enumerate(needs)):
        return False
    users: list[list[int]] = [[] for _ in nodes]
    for k, before in enumerate(needs):
        for needed in before:
            users[needed].append(k)
    open_needs = [len(before) for before in needs]
    ready = [k for k, count in enumerate(open_needs) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for user in users[order[-1]]:
            open_needs[user] -= 1
            if not open_needs[user]:
                heappush(ready, user)
    if len(order) < len(nodes):
        first = next(nodes[k] for k, count in enumerate(open_needs) if count)
        raise MeasurementError(
            f"the node {_name(first)} of {source} reads, through others, what it computes itself; "
            "a network without loops is needed"
        )
    sorted_nodes = [nodes[k] for k in order]
    copies = [type(node).FromString(node.SerializeToString()) for node in sorted_nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return True


def _name(node: NodeProto) -> str:
    return node.name or next(iter(node.output), "?")
