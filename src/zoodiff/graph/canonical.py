"""A frontend's graph to its canonical graph."""

from __future__ import annotations

from collections.abc import Collection

from zoodiff.errors import UsageError
from zoodiff.graph.ir import Graph
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes import PASSES, apply


def canonical(graph: Graph, without: Collection[str] = ()) -> Graph:
    """Return the graph after all passes except those named in ``without``.

    Raises UsageError for an unknown pass, MeasurementError for a graph that contradicts itself:
    one with a cycle, or with shapes that its operators cannot have.
    """
    unknown = set(without) - {rewrite.name for rewrite in PASSES}
    if unknown:
        names = ", ".join(rewrite.name for rewrite in PASSES)
        raise UsageError(f'there is no pass "{min(unknown)}"; the passes are {names}')
    mutable = MutableGraph(graph)
    apply(mutable, without)
    return mutable.freeze()
