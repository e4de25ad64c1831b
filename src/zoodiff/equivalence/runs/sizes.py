"""Two entries described at one size, where one of them leaves the size of its images open."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.sides import Ask, Sides
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry


def at_one_size(
    sides: Sides, graphs: tuple[Graph, Graph], describe: Ask[Graph]
) -> tuple[Sides, tuple[Graph, Graph]]:
    """Return two entries and their graphs, one of them at the other's size where it takes that.

    An open file is described at a size of its own: a usual one, or the one that it is frozen to.
    """
    shapes = [_shape(graph) for graph in graphs]
    if shapes[0] == shapes[1]:
        return sides, graphs
    (a, b), (first, second) = sides.entries, sides.pools
    if (sized := _described(first, a, shapes[1], describe)) is not None:
        return sides.with_entries((sized[0], b)), (sized[1], graphs[1])
    if (sized := _described(second, b, shapes[0], describe)) is not None:
        return sides.with_entries((a, sized[0])), (graphs[0], sized[1])
    return sides, graphs


def _described(
    pool: WorkerPool, entry: Entry, shape: tuple[int, ...], describe: Ask[Graph]
) -> tuple[Entry, Graph] | None:
    """A file at another size, with its graph; None where it does not take that size."""
    resized = _resized(entry, shape)
    if resized is None:
        return None
    try:
        graph = describe(pool, resized)
    except MeasurementError:
        return None
    return (resized, graph) if _shape(graph) == shape else None


def _shape(graph: Graph) -> tuple[int, ...]:
    return tuple(graph.inputs[0].channels_first[1:]) if len(graph.inputs) == 1 else ()


def _resized(entry: Entry, shape: Sequence[int]) -> Entry | None:
    """A file at the size of a square image; None where its size was said, or is no choice."""
    if not isinstance(entry, FileEntry):
        return None
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] < 1:
        return None
    return entry.at_extent(shape[1])
