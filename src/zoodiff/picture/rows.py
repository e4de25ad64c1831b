"""The rows of a picture: aligned layers share one, in an order that follows both networks."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import LayerGraph

Kind = Literal["input", "layer", "output"]
Part = tuple[int | None, int | None]
"""Layers of one row: of the first network, of the second."""


@dataclass(frozen=True)
class Row:
    """One row; a side is None where that network has nothing in this place."""

    kind: Kind
    a: int | None
    """Index of the layer, or number of the input or output."""
    b: int | None
    elsewhere: int | None = None
    """For a layer whose counterpart is in another row: that row.

    Only where the two networks order their layers in ways that no common order follows.
    """

    def side(self, number: int) -> int | None:
        """The index in the first (0) or second (1) network."""
        return (self.a, self.b)[number]


def rows(alignment: Alignment) -> tuple[Row, ...]:
    """Return inputs, layers and outputs of two aligned networks in a common order.

    On each side a layer comes after all layers that it reads.
    """
    parts = _Merge(alignment).order()
    layers = [Row("layer", i, j) for i, j in parts]
    ends = [
        *_ends("input", len(alignment.a.inputs), len(alignment.b.inputs)),
        *layers,
        *_ends("output", len(alignment.a.outputs), len(alignment.b.outputs)),
    ]
    return _with_counterparts(ends, alignment)


def _ends(kind: Kind, of_a: int, of_b: int) -> list[Row]:
    return [
        Row(kind, k if k < of_a else None, k if k < of_b else None) for k in range(max(of_a, of_b))
    ]


def _with_counterparts(merged: list[Row], alignment: Alignment) -> tuple[Row, ...]:
    """Rows of layers whose counterpart is elsewhere, with that row."""
    places: list[dict[int, int]] = [{}, {}]
    for number, row in enumerate(merged):
        for side in (0, 1):
            index = row.side(side)
            if row.kind == "layer" and index is not None:
                places[side][index] = number
    result = list(merged)
    for i, j in alignment.pairs:
        first, second = places[0][i], places[1][j]
        if first != second:
            result[first] = Row("layer", i, None, second)
            result[second] = Row("layer", None, j, first)
    return tuple(result)


class _Merge:
    """Topological order of both networks at once (Kahn, 1962), nearest to the first's own order.

    Where pairs contradict each other's order, the first pair in the way is taken apart.
    """

    def __init__(self, alignment: Alignment) -> None:
        self._a, self._b = alignment.a, alignment.b
        self._to_b = dict(alignment.pairs)
        self._to_a = {j: i for i, j in alignment.pairs}
        self._after = self._positions()
        self._waiting = [_unmet(alignment.a), _unmet(alignment.b)]
        self._heap: list[tuple[float, int, int, int]] = []
        self._done: list[Part] = []

    def _positions(self) -> list[float]:
        """For each layer of the second network, its place among those of the first."""
        place, places = -1.0, []
        for layer in self._b.layers:
            place = float(self._to_a.get(layer.index, place))
            places.append(place)
        return places

    def order(self) -> list[Part]:
        """The parts, each once."""
        for side, graph in enumerate((self._a, self._b)):
            for layer in graph.layers:
                if not self._waiting[side][layer.index]:
                    self._offer(side, layer.index)
        self._drain()
        while self._waiting[0] or self._waiting[1]:
            self._split()
            self._drain()
        return self._done

    def _drain(self) -> None:
        while self._heap:
            _, _, i, j = heapq.heappop(self._heap)
            self._take(i if i >= 0 else None, j if j >= 0 else None)

    def _offer(self, side: int, index: int) -> None:
        """Make a layer ready; a pair is ready when both of its layers are."""
        i = index if side == 0 else self._to_a.get(index)
        j = index if side == 1 else self._to_b.get(index)
        if (i is not None and self._waiting[0].get(i, 0)) or (
            j is not None and self._waiting[1].get(j, 0)
        ):
            return
        place = float(i) if i is not None else self._after[index] + 0.5
        heapq.heappush(self._heap, (place, index, -1 if i is None else i, -1 if j is None else j))

    def _take(self, i: int | None, j: int | None) -> None:
        if (i is not None and i not in self._waiting[0]) or (
            j is not None and j not in self._waiting[1]
        ):
            return  # offered twice
        self._done.append((i, j))
        for side, index in ((0, i), (1, j)):
            if index is not None:
                del self._waiting[side][index]
        for side, index in ((0, i), (1, j)):
            graph = (self._a, self._b)[side]
            for user, _ in graph.layers[index].users if index is not None else ():
                self._waiting[side][user] -= 1
                if not self._waiting[side][user]:
                    self._offer(side, user)

    def _split(self) -> None:
        """Take the first ready pair of the first network apart; its layers get a row each."""
        i = min(k for k, unmet in self._waiting[0].items() if not unmet)
        j = self._to_b.pop(i)
        del self._to_a[j]
        self._offer(0, i)
        if not self._waiting[1][j]:
            self._offer(1, j)


def _unmet(graph: LayerGraph) -> dict[int, int]:
    """The number of inputs that each layer waits for."""
    return {layer.index: sum(1 for x in layer.inputs if x >= 0) for layer in graph.layers}


def sources(rows_of: Iterable[Row], graph: LayerGraph, side: int) -> list[tuple[int, ...]]:
    """Return the rows that each row reads on one side."""
    merged = tuple(rows_of)
    layers = {r.side(side): n for n, r in enumerate(merged) if r.kind == "layer"}
    inputs = {r.side(side): n for n, r in enumerate(merged) if r.kind == "input"}

    def row_of(source: int) -> int:
        return layers[source] if source >= 0 else inputs[-1 - source]

    read: list[tuple[int, ...]] = []
    for row in merged:
        index = row.side(side)
        if index is None or row.kind == "input":
            read.append(())
        elif row.kind == "output":
            read.append((row_of(graph.outputs[index]),))
        else:
            read.append(tuple(dict.fromkeys(map(row_of, graph.layers[index].inputs))))
    return read
