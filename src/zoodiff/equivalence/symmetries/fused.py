"""Linear layers that read the same tensor, matched together: queries, keys and values.

One network may hold them as three layers, another one as a single weight whose rows are arranged
in another way; then no layer has a counterpart by itself, but all rows together have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from zoodiff.equivalence.symmetries.arrays.linear import Pair
from zoodiff.equivalence.symmetries.arrays.match import Columns
from zoodiff.equivalence.symmetries.arrays.matrices import Matrix
from zoodiff.equivalence.symmetries.events import Event, Events, Local
from zoodiff.equivalence.symmetries.labels import Marked
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer, LayerGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOVES = frozenset(
    {"Flatten", "Gather", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"}
)
_STEPS = 12


class Walking(Protocol):
    """The part of a walk that layers matched together need."""

    events: Events
    locals: list[Local]
    labels: dict[int, NDArray[np.uint64]]

    def columns(self, i: int, j: int) -> list[Columns]:
        """In which order the columns of two layers stand."""

    def consumed_jointly(
        self, events: frozenset[int], names: tuple[str, str], undone: bool
    ) -> None:
        """Note whether layers undo what reaches them."""


class Labelled(Protocol):
    """A network with labels on its tensors."""

    graph: LayerGraph
    marks: dict[str, Marked]


@dataclass(frozen=True)
class Rows:
    """Labels and factors of a layer's rows, and the transformations that they went through."""

    labels: NDArray[np.uint64]
    factors: NDArray[np.float64] | None
    events: frozenset[int]


class Bundles:
    """Layers of both networks grouped by the tensor that they read."""

    def __init__(self, alignment: Alignment, a: dict[int, Matrix], b: dict[int, Matrix]) -> None:
        self._alignment = alignment
        self._matrices = a, b
        self._of_a, self._of_b = _bundles(a), _bundles(b)
        self._to_a = alignment.to_a
        self._done: dict[int, Rows | None] = {}
        self._fused: list[tuple[int, list[int], list[int]]] = []

    def joint(self, j: int, walk: Walking, events: frozenset[int]) -> Rows | None:
        """The rows of a layer of the second network, where it is matched with its siblings.

        ``events`` are the transformations of what the layer reads.
        """
        if j not in self._done:
            right = self._of_b[j]
            left = next(
                (self._of_a[i] for k in right if (i := self._to_a.get(k)) in self._of_a), None
            )
            rows = self._together(left, right, walk, events) if left else {}
            self._done |= {k: rows.get(k) for k in right}
        return self._done[j]

    def _together(
        self, left: list[int], right: list[int], walk: Walking, events: frozenset[int]
    ) -> dict[int, Rows]:
        a, b = self._matrices
        if len(left) == len(right) == 1:
            return {}
        columns = walk.columns(left[0], right[0])
        if self._apart(left, right, columns):
            return {}
        stacked_a, stacked_b = stacked([a[i] for i in left]), stacked([b[j] for j in right])
        if stacked_a is None or stacked_b is None:
            return {}
        match = Pair(stacked_a, stacked_b, columns).match(plain=True)
        if match is None:
            return {}
        names = self._names(left, right)
        number = walk.events.add(Event(names, match.rows, match.factors, fused=True))
        self._fused.append((number, left, right))
        for pair in names:
            walk.locals.append(Local(pair, -1, -1, match, columns[0], events))
            walk.consumed_jointly(events, pair, match.columns.read)
        labels = np.concatenate([walk.labels[i] for i in left])[match.rows]
        ends = np.cumsum([0, *(b[j].rows for j in right)])
        return {
            j: Rows(
                labels[ends[k] : ends[k + 1]],
                None if match.factors is None else match.factors[ends[k] : ends[k + 1]],
                frozenset({number}),
            )
            for k, j in enumerate(right)
        }

    def _apart(self, left: list[int], right: list[int], columns: Sequence[Columns]) -> bool:
        """Whether each layer has its counterpart by itself."""
        a, b = self._matrices
        if len(left) != len(right):
            return False
        pairs = [(self._to_a.get(j), j) for j in right]
        return all(
            i is not None and i in a and Pair(a[i], b[j], columns).match(plain=True) is not None
            for i, j in pairs
        )

    def _names(self, left: list[int], right: list[int]) -> list[tuple[str, str]]:
        """Aligned layers in pairs; where one network has fewer, its last one several times."""
        names = [
            [graph.layers[k].name for k in side]
            for graph, side in ((self._alignment.a, left), (self._alignment.b, right))
        ]
        longest = max(map(len, names))
        names_a, names_b = ([*x, *[x[-1]] * (longest - len(x))] for x in names)
        return list(zip(names_a, names_b, strict=True))

    def describe(self, events: Events, a: Labelled, b: Labelled) -> None:
        """Set how each network arranges the rows of fused weights."""
        for number, left, right in self._fused:
            layouts = (layout(a, left), layout(b, right))
            event = events.entries[number]
            event.layouts = layouts
            size = event.rows.size
            mine, theirs = stored_rows(a, left, size), stored_rows(b, right, size)
            event.stored_alike = bool(np.array_equal(mine[event.rows], theirs))
        by_name = [
            {layer.name: layer.index for layer in side.graph.layers if layer.op == "Gemm"}
            for side in (a, b)
        ]
        for event in events.entries:
            if event.fused or not event.heads or len(event.layers) != 1:
                continue
            i, j = (by_name[k].get(event.layers[0][k]) for k in (0, 1))
            if i is not None and j is not None:
                layouts = (layout(a, [i]), layout(b, [j]))
                event.fused = any("interleaved" in words for words in layouts)
                event.layouts = layouts


def _bundles(matrices: dict[int, Matrix]) -> dict[int, list[int]]:
    bundles: dict[object, list[int]] = {}
    for index, matrix in matrices.items():
        node = matrix.layer.node
        settings = tuple(str(node.attributes.get(key)) for key in ("strides", "pads", "dilations"))
        alone = index if matrix.group > 1 else -1
        key = (node.op, node.inputs, matrix.kernel, matrix.shape[1], settings, alone)
        bundles.setdefault(key, []).append(index)
    return {index: bundle for bundle in bundles.values() for index in bundle}


def stacked(matrices: Sequence[Matrix]) -> Matrix | None:
    """Several layers that read the same, as one."""
    first = matrices[0]
    if any(m.roles != first.roles for m in matrices):
        return None
    vectors = tuple(
        (role, np.concatenate([m.vectors[k][1] for m in matrices]))
        for k, role in enumerate(first.roles)
    )
    return replace(
        first,
        weight=np.concatenate([m.weight for m in matrices]),
        vectors=vectors,
        scale=np.concatenate([m.scale for m in matrices]),
        shift=np.concatenate([m.shift for m in matrices]),
    )


def layout(side: Labelled, layers: Sequence[int]) -> str:
    """How the rows of a fused weight are arranged: by the rows that products of heads read."""
    if len(layers) > 1:
        return _cut_apart(side.graph.layers[layers[0]], len(layers))
    tensor = side.graph.layers[layers[0]].output
    marked = side.marks.get(tensor)
    axis = side.graph.layers[layers[0]].node.attributes.get("axis")
    own = marked.along(axis) if marked is not None and isinstance(axis, int) else None
    if own is None:
        return ""
    place = {int(label): row for row, label in enumerate(own.labels)}
    parts = [_rows(side.marks.get(end), place) for end in _ends(side.graph, tensor)]
    rows = [part for part in parts if part is not None and part.size < own.labels.size]
    if len(rows) < 2:
        return ""
    number = own.labels.size // rows[0].size
    steps = np.flatnonzero(np.diff(rows[0]) != 1)
    if not steps.size:
        return {2: "[k|v]", 3: "[q|k|v]"}.get(number, f"{number} parts behind each other")
    width = int(steps[0]) + 1
    heads = rows[0].size // width
    if width == 1:
        return f"interleaved by element ({heads} x {number})"
    return f"interleaved by head ({heads} x {number} x {width})"


def _cut_apart(layer: Layer, number: int) -> str:
    blocks = stored_blocks(layer)
    if blocks is not None:
        return f"interleaved by head ({' x '.join(map(str, blocks))})"
    return {2: "[k|v]", 3: "[q|k|v]"}.get(number, f"{number} layers")


def stored_blocks(layer: Layer) -> tuple[int, int, int] | None:
    """Heads, parts and rows per head and part of a weight that is stored interleaved by head."""
    for p in layer.node.parameters:
        for step, numbers in p.view:
            if p.whole and step == "reshape" and len(numbers) > len(p.shape) + 1:
                return numbers[0], numbers[1], numbers[2]
    return None


def stored_rows(side: Labelled, layers: Sequence[int], size: int) -> NDArray[np.int64]:
    """For each row of some layers together the row of the weight that the network stores."""
    rows = np.arange(size)
    blocks = stored_blocks(side.graph.layers[layers[0]])
    if blocks is None or np.prod(blocks) != size:
        return rows
    return rows.reshape(blocks).transpose(1, 0, 2).reshape(-1)


def _ends(graph: LayerGraph, tensor: str) -> list[str]:
    """The tensors that a tensor becomes behind operators that only move elements."""
    readers: dict[str, list[Node]] = {}
    for node in graph.graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    ends, front = [], [tensor]
    for _ in range(_STEPS):
        following: list[str] = []
        for name in front:
            for node in readers.get(name, []):
                if node.op in _MOVES:
                    following += node.outputs
                elif name not in ends:
                    ends.append(name)
        front = following
    return ends


def _rows(marked: Marked | None, place: dict[int, int]) -> NDArray[np.int64] | None:
    """The rows of which a tensor is made, in ascending order."""
    for g in marked.groups if marked is not None else ():
        labels = g.labels.reshape(-1).tolist()
        if all(label in place for label in labels):
            return np.sort([place[label] for label in labels])
    return None
