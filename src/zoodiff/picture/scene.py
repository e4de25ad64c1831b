"""The layout of a picture: rows with their facts and levels, blocks, edges, findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.weights.weight_diff import LayerWeights
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.picture import facts, levels
from zoodiff.picture.blocks import Block, RowFacts, blocks
from zoodiff.picture.edges import Edges, edges
from zoodiff.picture.facts import LayerFacts
from zoodiff.picture.levels import Level
from zoodiff.picture.rows import Row, rows, sources
from zoodiff.picture.subject import Subject
from zoodiff.rules.findings import Finding

_ACTIVATIONS = frozenset({"Clip", "Elu", "Gelu", "HardSwish", "LeakyRelu", "Relu", "Sigmoid"})
_OF_MAPS = frozenset(
    {"AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "MaxPool", "Resize"}
)


@dataclass(frozen=True)
class PlacedFinding:
    """A finding with the rows that it is about."""

    finding: Finding
    level: Level
    rows: tuple[int, ...]


@dataclass(frozen=True)
class PlacedRow:
    """A row with all that is shown of it."""

    row: Row
    level: Level
    a: LayerFacts | None
    b: LayerFacts | None
    findings: tuple[int, ...] = ()
    """Numbers of findings."""
    weights: LayerWeights | None = None
    relations: tuple[int, ...] = ()
    """Numbers of relations between weights."""
    deviation: float | None = None
    """Of the outputs of the two layers, relative to their spread."""

    def side_missing(self, side: int) -> bool:
        """Whether the first (0) or second (1) network has nothing in this row."""
        return (self.a, self.b)[side] is None


@dataclass(frozen=True)
class Scene:
    """The whole layout."""

    rows: tuple[PlacedRow, ...]
    blocks: tuple[Block, ...]
    edges: tuple[Edges, Edges]
    findings: tuple[PlacedFinding, ...]
    """The most important first."""
    relations: tuple[str, ...]
    """Sentences on how weights are related."""
    parting: int | None
    """The row from which on outputs differ; None where they do not, or nothing was run."""


def scene(subject: Subject) -> Scene:
    """Return the layout of a comparison."""
    diff = subject.evident.graphs
    merged = rows(diff.alignment)
    places = _Places(merged, diff)
    findings = _findings(subject, places)
    read = [sources(merged, graph, side) for side, graph in enumerate(places.graphs)]
    occupied = [[row.side(side) is not None for row in merged] for side in (0, 1)]
    placed = _placed(subject, merged, places, findings)
    return Scene(
        placed,
        blocks(_row_facts(placed, read[0], read[1], diff)),
        (edges(read[0], occupied[0]), edges(read[1], occupied[1])),
        findings,
        tuple(facts.plain(relation.sentence) for relation in subject.evident.relations),
        _parting(subject, places),
    )


class _Places:
    """Where layers are: rows by index, and layers by the names of their nodes."""

    def __init__(self, merged: Sequence[Row], diff: Diff) -> None:
        self.graphs: tuple[LayerGraph, LayerGraph] = (diff.alignment.a, diff.alignment.b)
        self.rows: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for number, row in enumerate(merged):
            for side in (0, 1):
                index = row.side(side)
                if row.kind == "layer" and index is not None:
                    self.rows[side][index] = number
        self._named = tuple(_by_name(graph.layers) for graph in self.graphs)

    def of_names(self, a: str, b: str) -> list[int]:
        """Rows of layers with these names, one of which may be empty."""
        rows_of_sides = [self._of_name(side, name) for side, name in ((0, a), (1, b)) if name]
        if len(rows_of_sides) == 2 and set(rows_of_sides[0]) & set(rows_of_sides[1]):
            return sorted(set(rows_of_sides[0]) & set(rows_of_sides[1]))
        return sorted({row for each in rows_of_sides for row in each})

    def _of_name(self, side: int, name: str) -> list[int]:
        return [self.rows[side][index] for index in self._named[side].get(name, ())]


def _by_name(layers: Sequence[Layer]) -> dict[str, list[int]]:
    named: dict[str, list[int]] = {}
    for layer in layers:
        for name in dict.fromkeys(node.name for node in (layer.node, *layer.chain)):
            named.setdefault(name, []).append(layer.index)
    return named


def _findings(subject: Subject, places: _Places) -> tuple[PlacedFinding, ...]:
    placed = []
    for finding in subject.evident.graphs.findings:
        where = {
            places.rows[side][index]
            for difference in finding.differences
            for side, indices in ((0, difference.a), (1, difference.b))
            for index in indices
            if index in places.rows[side]
        }
        level = levels.of_finding(finding, subject.evident.answer)
        placed.append(PlacedFinding(finding, level, tuple(sorted(where))))
    return tuple(sorted(placed, key=lambda each: levels.RANK[each.level]))


def _placed(
    subject: Subject,
    merged: Sequence[Row],
    places: _Places,
    findings: Sequence[PlacedFinding],
) -> tuple[PlacedRow, ...]:
    of_row = _by_row((number, each.rows) for number, each in enumerate(findings))
    related = _by_row(
        (number, {row for a, b in relation.layers for row in places.of_names(a, b)})
        for number, relation in enumerate(subject.evident.relations)
    )
    weights = _weights(subject, places)
    apart = {i: d for i, _, d in subject.layers.deviations} if subject.layers else {}
    result = []
    for number, row in enumerate(merged):
        mine, compared = of_row.get(number, ()), weights.get(number)
        seen = [findings[k].level for k in mine]
        if compared is not None and compared.sameness == "differ":
            seen.append("weights")
        result.append(
            PlacedRow(
                row,
                levels.strongest(seen),
                _facts(places.graphs[0], row.kind, row.a),
                _facts(places.graphs[1], row.kind, row.b),
                mine,
                compared,
                related.get(number, ()),
                apart.get(row.a) if row.kind == "layer" and row.a is not None else None,
            )
        )
    return tuple(result)


def _by_row(numbered: Iterable[tuple[int, Iterable[int]]]) -> dict[int, tuple[int, ...]]:
    """The numbers of what is about each row."""
    result: dict[int, tuple[int, ...]] = {}
    for number, rows_of in numbered:
        for row in rows_of:
            result[row] = (*result.get(row, ()), number)
    return result


def _facts(graph: LayerGraph, kind: str, index: int | None) -> LayerFacts | None:
    if index is None:
        return None
    if kind == "input":
        return facts.of_input(graph, index)
    if kind == "output":
        return facts.of_output(graph, index)
    return facts.of_layer(graph, graph.layers[index])


def _weights(subject: Subject, places: _Places) -> dict[int, LayerWeights]:
    """The comparison of weights by row; of layers of one name, each gets its own in turn."""
    by_row: dict[int, LayerWeights] = {}
    for layer in subject.evident.weights.layers if subject.evident.weights else ():
        candidates = places.of_names(layer.a, layer.b)
        free = [row for row in candidates if row not in by_row]
        if free:
            by_row[free[0]] = layer
    return by_row


def _parting(subject: Subject, places: _Places) -> int | None:
    first = subject.layers.first if subject.layers is not None else None
    return None if first is None else places.rows[0][first[0]]


def _row_facts(
    placed: Sequence[PlacedRow],
    read_a: Sequence[Sequence[int]],
    read_b: Sequence[Sequence[int]],
    diff: Diff,
) -> list[RowFacts]:
    passing = _passing(read_a)
    result = []
    for number, each in enumerate(placed):
        index = each.row.a if each.row.kind == "layer" else None
        shape: tuple[int, ...] = ()
        if index is not None:
            shape = diff.alignment.a.shape(diff.alignment.a.layers[index])
        elif each.row.kind == "layer" and each.row.b is not None:
            shape = diff.alignment.b.shape(diff.alignment.b.layers[each.row.b])
        inner = each.row.kind == "layer"
        result.append(
            RowFacts(
                (
                    each.a.name if each.a and inner else "",
                    each.b.name if each.b and inner else "",
                ),
                shape[2:] if len(shape) == 4 and _is_map(each) else (),
                number not in passing and _ends_a_block(placed, read_a or read_b, number),
            )
        )
    return result


def _is_map(placed: PlacedRow) -> bool:
    """Whether the result is surely a map of rows and columns."""
    return any(side is not None and side.op in _OF_MAPS for side in (placed.a, placed.b))


def _passing(read: Sequence[Sequence[int]]) -> set[int]:
    """Rows that an edge passes by."""
    change = [0] * (len(read) + 1)
    for reader, sources_of in enumerate(read):
        for source in sources_of:
            if reader > source + 1:
                change[source + 1] += 1
                change[reader] -= 1
    return {row for row, over in enumerate(accumulate(change)) if over}


def _ends_a_block(placed: Sequence[PlacedRow], read: Sequence[Sequence[int]], number: int) -> bool:
    """Whether lines meet in a row, or met in the row before and this is the activation behind."""

    def op(row: int) -> str:
        side = placed[row].a or placed[row].b if row < len(placed) else None
        return side.op if side else ""

    if len(read[number]) > 1:
        return op(number + 1) not in _ACTIVATIONS
    return number > 0 and len(read[number - 1]) > 1 and op(number) in _ACTIVATIONS
