"""A walk through two networks, layer by layer, that says how their weights are related.

The first network's labels are computed first. In the second network a layer's outputs get the
labels of the outputs of the first network that they match. So the labels that a layer reads say in
which order its columns must stand to undo all permutations before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries import channelwise
from zoodiff.equivalence.symmetries.arrays.linear import Pair
from zoodiff.equivalence.symmetries.arrays.match import Columns, Match
from zoodiff.equivalence.symmetries.arrays.matrices import (
    NORMS,
    Matrix,
    channel_axis,
    matrix_of,
)
from zoodiff.equivalence.symmetries.arrays.permutations import is_identity
from zoodiff.equivalence.symmetries.events import Event, Events, Local
from zoodiff.equivalence.symmetries.fused import Bundles
from zoodiff.equivalence.symmetries.labels import (
    Group,
    Marked,
    fresh,
    order_of,
    ties_of,
)
from zoodiff.equivalence.symmetries.propagation import opaque, propagate
from zoodiff.equivalence.symmetries.steps import without_factors
from zoodiff.equivalence.symmetries.tracked import Tracked, kept, written
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OTHER = 1 << 30
"""First owner number of labels that only the second network has."""
_STRANGERS = 8
"""After this many layers without a relation, turned kernels and free columns are not tried."""


class Walk:
    """One walk through both networks, with the relations and transformations it finds."""

    def __init__(self, alignment: Alignment, a: Weights, b: Weights) -> None:
        self.alignment = alignment
        self.events = Events()
        self.locals: list[Local] = []
        self.a, self.b = Tracked(alignment.a), Tracked(alignment.b)
        self.weights = a, b
        self._to_a = alignment.to_a
        self.matrices_a = _matrices(alignment.a, a)
        self.matrices_b = _matrices(alignment.b, b)
        self.labels: dict[int, NDArray[np.uint64]] = {}
        """Of the rows of the first network's layers; equal rows have equal ones."""
        self._tried = self._matched = 0
        """Linear layers that were compared, and those that are related."""
        self.final: set[int] = set()
        """Layers of the first network whose rows are the network's outputs."""
        self._reads: dict[int, list[Marked]] = {}
        self._columns_of: dict[int, list[Columns]] = {}
        self._channels: dict[int, Group | None] = {}
        self._bundles = Bundles(alignment, self.matrices_a, self.matrices_b)

    def run(self) -> None:
        """Walk through both networks."""
        self._first()
        for node, layer in self.b.nodes():
            read, shapes = self.b.inputs(node), self.b.shapes(node)
            if layer is not None and layer.index in self.matrices_b and read:
                self._linear(layer, read[0], shapes[0])
            elif layer is not None and node.parameters and read:
                self._channelwise(layer, read, shapes)
            else:
                self._passed(node, read, shapes)
        self._bundles.describe(self.events, self.a, self.b)
        self._outputs()

    def _first(self) -> None:
        for node, layer in self.a.nodes():
            read, shapes = self.a.inputs(node), self.a.shapes(node)
            if layer is not None:
                self._reads[layer.index] = read
                self._channels[layer.index] = self.a.channels(layer) if read else None
            marked = None
            if layer is not None and layer.index in self.matrices_a and read:
                rows = self.matrices_a[layer.index].rows
                labels = fresh(layer.index, rows)[self.matrices_a[layer.index].equal_rows()]
                self.labels[layer.index] = labels
                marked = written(layer, read[0], shapes[0], labels, None, frozenset())
            if marked is None and layer is not None and _keeps(layer, read, shapes):
                marked = kept(layer, read[0])
            self.a.put(node, [marked] if marked else propagate(node, read, shapes).outputs)

    def _passed(
        self, node: Node, read: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
    ) -> None:
        step = propagate(node, read, shapes)
        events = frozenset().union(*(x.events for x in read))
        if step.ends:
            self._unscaled(events, node.name)
        if node.op == "MatMul" and len(read) == 2:
            self._headed(read, events)
        if len(read) > 1:
            self._joined(node, read)
        self.b.put(node, step.outputs)

    def _headed(self, read: Sequence[Marked], events: frozenset[int]) -> None:
        """Note how many elements a head has."""
        heads = [
            extent
            for x in read
            for g in x.groups
            if len(g.axes) == 2
            for axis, extent in zip(g.axes, g.labels.shape, strict=True)
            if axis >= len(x.shape) - 2
        ]
        if heads:
            for number in events:
                self.events.entries[number].heads = self.events.entries[number].heads or heads[0]

    def _joined(self, node: Node, read: Sequence[Marked]) -> None:
        """Join the transformations that meet at a node."""
        self.events.join(frozenset().union(*(x.events for x in read)))

    def _unscaled(self, events: Iterable[int], name: str) -> None:
        for number in events:
            event = self.events.entries[number]
            if event.factors is not None and name not in event.unscaled:
                event.unscaled.append(name)

    def _broken(self, events: Iterable[int], name: str) -> None:
        for number in events:
            broken = self.events.entries[number].broken
            if name not in broken:
                broken.append(name)

    def pair(self, i: int, j: int) -> Pair | None:
        """Two linear layers with the columns that their graphs say."""
        if i not in self.matrices_a or j not in self.matrices_b:
            return None
        return Pair(self.matrices_a[i], self.matrices_b[j], self._columns_of[j])

    def columns(self, i: int, j: int) -> list[Columns]:
        """In which order the columns of two aligned layers stand: as graphs say, as they are."""
        mine, theirs = self._channels.get(i), self.b.channels(self.alignment.b.layers[j])
        size = self.matrices_b[j].shape[1] * self.matrices_b[j].group
        plain = Columns(np.arange(size), read=False)
        order = order_of(mine, theirs)
        if order is None or theirs is None or order.size != size:
            return [plain]
        known = Columns(order, theirs.factors, ties=ties_of(theirs.labels.reshape(-1)))
        if known.trivial and not known.ties:
            return [known]
        views = [known]
        if known.factors is not None:
            views.append(replace(known, factors=None, unscaled=True))
        return views if is_identity(order) and not known.ties else [*views, plain]

    def _linear(self, layer: Layer, read: Marked, shape: tuple[int, ...]) -> None:
        """A convolution or linear layer of the second network."""
        j = layer.index
        matrix = self.matrices_b[j]
        labels, factors, events = fresh(_OTHER + j, matrix.rows), None, frozenset[int]()
        uncertain = 0.0
        i = self._to_a.get(j)
        joint = self._bundles.joint(j, self, read.events)
        if joint is not None:
            labels, factors, events = joint.labels, joint.factors, joint.events
        elif i is not None and i in self.matrices_a:
            columns = self._columns_of[j] = self.columns(i, j)
            strangers = self._tried >= _STRANGERS and not self._matched
            match = Pair(self.matrices_a[i], matrix, columns).match(plain=strangers)
            self._tried += 1
            self._matched += match is not None
            names = (self.alignment.a.layers[i].name, layer.name)
            self.locals.append(Local(names, i, j, match, columns[0], read.events))
            self._consumed(read.events, names, match, columns)
            if matrix.group > 1 and matrix.shape[1] > 1:
                for number in read.events:
                    self.events.entries[number].groups = matrix.group
            if self.matrices_a[i].rows == matrix.rows:
                own = self.labels[i]
                labels = own if match is None else own[match.rows]
            if match is not None:
                uncertain = match.uncertain
                factors, events = match.factors, self._events_of(names, match, matrix, read)
        marked = written(layer, read, shape, labels, factors, events)
        if marked is not None and uncertain:
            marked = replace(marked, uncertain=uncertain)
        self.b.put(layer.node, [marked] if marked else opaque(layer.node, [read], [shape]).outputs)

    def _events_of(
        self, names: tuple[str, str], match: Match, matrix: Matrix, read: Marked
    ) -> frozenset[int]:
        """Numbers of the transformations of a layer's outputs."""
        events = read.events if matrix.group > 1 and not is_identity(match.rows) else frozenset()
        if match.moves_rows or match.factors is not None:
            inside = matrix.shape[1]
            number = self.events.add(
                Event(
                    [names],
                    match.rows,
                    match.factors,
                    groups=matrix.group if inside > 1 else 1,
                    across=match.across,
                    multiplier=matrix.rows // matrix.group if inside == 1 else 1,
                )
            )
            events = events | {number}
            self.events.join(events)
        return events

    def _consumed(
        self,
        events: frozenset[int],
        names: tuple[str, str],
        match: Match | None,
        columns: Sequence[Columns],
    ) -> None:
        """Note whether a layer undoes what reaches it."""
        if not events or match is None:
            return
        if match.columns.read and match.free is None:
            self.events.join(events)
            for number in events:
                event = self.events.entries[number]
                if event.factors is None or not match.columns.unscaled:
                    event.undone.append(names)
            if match.columns.unscaled:
                self._unscaled(events, names[1])
        else:
            self._broken(events, names[1])

    def consumed_jointly(
        self, events: frozenset[int], names: tuple[str, str], undone: bool
    ) -> None:
        """The same for layers that are matched together."""
        if undone:
            for number in events:
                self.events.entries[number].undone.append(names)
        else:
            self._broken(events, names[1])

    def _channelwise(
        self, layer: Layer, read: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
    ) -> None:
        """A norm, a scale, or a table of the second network."""
        i = self._to_a.get(layer.index)
        if i is None or not self.alignment.a.layers[i].node.parameters:
            self._passed(layer.node, read, shapes)
            if _keeps(layer, read, shapes):
                self.b.put(layer.node, [kept(layer, read[0])])
            return
        first = self.alignment.a.layers[i]
        mine, theirs = self._channels.get(i), self.b.channels(layer)
        order = order_of(mine, theirs)
        factors = theirs.factors if theirs is not None else None
        columns = None
        if order is not None and theirs is not None:
            columns = Columns(order, factors, ties=ties_of(theirs.labels.reshape(-1)))
        relation = channelwise.related(first, layer, self.weights, columns)
        names = (first.name, layer.name)
        if relation is None:
            tables = channelwise.Tables(self._reads.get(i, []), read)
            match, stays = channelwise.table(first, layer, self.weights, tables)
            if stays:
                self._broken(read[0].events, layer.name)
            elif match is not None and match.columns.read:
                self.consumed_jointly(read[0].events, names, True)
            self.locals.append(Local(names, i, layer.index, match, columns, read[0].events))
            self._passed(layer.node, read, shapes)
            return
        match, passed = relation
        own = self._through(layer, read[0], names, match, passed)
        local = Local(names, i, layer.index, match, columns, read[0].events, own)
        self.locals.append(local)

    def _through(
        self,
        layer: Layer,
        read: Marked,
        names: tuple[str, str],
        match: Match | None,
        passed: channelwise.Passed,
    ) -> int:
        """Label the output of a layer that works per channel; return the number of its event."""
        own = -1
        if read.events and match is not None:
            moved = match.columns.read and not match.columns.trivial
            if moved or (match.columns.read and match.free is None):
                for number in read.events:
                    if moved:
                        self.events.entries[number].undone.append(names)
            else:
                self._broken(read.events, names[1])
        if passed.ends:
            self._unscaled(read.events, names[1])
        events = read.events
        if passed.own is not None:
            size = passed.own.size
            own = self.events.add(
                Event([names], np.arange(size), passed.own, vacuous=passed.vacuous)
            )
            events = events | {own}
            self.events.join(events)
        axis = channel_axis(layer, len(read.shape))
        marked = kept(layer, without_factors(read))
        if passed.factors is not None and axis is not None:
            groups = tuple(
                replace(g, factors=passed.factors) if g.axes == (axis,) else g
                for g in marked.groups
            )
            marked = replace(marked, groups=groups)
        self.b.put(layer.node, [replace(marked, events=events)])
        return own

    def _outputs(self) -> None:
        """Mark the events that reach the outputs of the network."""
        pairs = zip(self.alignment.a.graph.outputs, self.alignment.b.graph.outputs, strict=False)
        for mine, theirs in pairs:
            marked_a, marked_b = self.a.marks.get(mine.name), self.b.marks.get(theirs.name)
            for g in marked_a.groups if marked_a is not None else ():
                self.final |= {
                    i for i, labels in self.labels.items() if np.array_equal(g.labels, labels)
                }
            if marked_a is None or marked_b is None:
                continue
            same = len(marked_a.groups) == len(marked_b.groups) and all(
                np.array_equal(g.labels, h.labels) and h.factors is None
                for g, h in zip(marked_a.groups, marked_b.groups, strict=True)
            )
            for number in () if same else marked_b.events:
                self.events.entries[number].output = True


def _keeps(layer: Layer, read: Sequence[Marked], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether a layer with weights of its own works per channel, so that labels stay."""
    per_channel = layer.affine or layer.op in NORMS
    return per_channel and len(read) == 1 and read[0].shape == tuple(shapes[0])


def _matrices(graph: LayerGraph, weights: Weights) -> dict[int, Matrix]:
    matrices: dict[int, Any] = {layer.index: matrix_of(layer, weights) for layer in graph.layers}
    return {index: matrix for index, matrix in matrices.items() if matrix is not None}
