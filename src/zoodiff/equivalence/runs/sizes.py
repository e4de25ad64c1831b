"""Two entries described at one size, where one of them leaves the size of its images open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoodiff.architecture.describe import describe
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.named_inputs import is_named, pairs, without_unread
from zoodiff.equivalence.runs.sides import Ask, Sides
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry


def at_one_size(
    sides: Sides, graphs: tuple[Graph, Graph], describing: Ask[Graph]
) -> tuple[Sides, tuple[Graph, Graph]]:
    """Return two entries and their graphs, one of them at the other's size where it takes that.

    An open file is described at a size of its own: a usual one, or the one that it is frozen to.
    """
    shapes = [_shape(graph) for graph in graphs]
    if [tensor.shape for tensor in graphs[0].inputs] == [t.shape for t in graphs[1].inputs]:
        return sides, graphs
    if shapes[0] == shapes[1] != ():
        return sides, graphs
    (a, b), (first, second) = sides.entries, sides.pools
    if (sized := _described(first, a, shapes[1], describing)) is not None:
        return sides.with_entries((sized[0], b)), (sized[1], graphs[1])
    if (sized := _described(second, b, shapes[0], describing)) is not None:
        return sides.with_entries((a, sized[0])), (graphs[0], sized[1])
    return sides, _at_others_shapes(sides, graphs)


def at_shapes(
    pool: WorkerPool,
    entry: Entry,
    graph: Graph,
    shapes: Mapping[str, tuple[int, ...]],
    threads: int = 1,
) -> Graph:
    """Return the graph of an entry for inputs of these shapes; other names are left out.

    Raises MeasurementError where the entry does not take them.
    """
    own = {tensor.name: tensor.shape for tensor in graph.inputs}
    stated = {name: shape for name, shape in shapes.items() if name in own}
    if all(own[name] == shape for name, shape in stated.items()):
        return graph
    return describe(pool, entry, role="run", threads=threads, shapes=stated)[0]


def _at_others_shapes(sides: Sides, graphs: tuple[Graph, Graph]) -> tuple[Graph, Graph]:
    """Return both graphs with inputs of equal shapes, where one network takes the other's."""
    matched = pairs(*graphs)
    held = not all(entry.takes_weights for entry in sides.entries)
    if matched is None or not (held or any(map(is_named, graphs))):
        return graphs
    for side in (1, 0):
        own, reference = graphs[side].inputs, graphs[1 - side].inputs
        places = [pair if side else pair[::-1] for pair in matched]
        shapes = {own[j].name: reference[i].channels_first for i, j in places}
        if any(extent < 1 for shape in shapes.values() for extent in shape):
            continue
        try:
            resized = at_shapes(
                sides.pools[side], sides.entries[side], graphs[side], shapes, sides.threads
            )
        except MeasurementError:
            continue
        resized = without_unread(resized)
        if {tensor.name: tensor.shape for tensor in resized.inputs} == shapes:
            return (graphs[0], resized) if side else (resized, graphs[1])
    return graphs


def _described(
    pool: WorkerPool, entry: Entry, shape: tuple[int, ...], describing: Ask[Graph]
) -> tuple[Entry, Graph] | None:
    """A file at another size, with its graph; None where it does not take that size."""
    resized = _resized(entry, shape)
    if resized is None:
        return None
    try:
        graph = describing(pool, resized)
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
