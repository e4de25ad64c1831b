"""The layout as plain values for the script of the page.

Texts that occur often (names of operators, settings) are written once and named by their number.
"""

from __future__ import annotations

import math
from typing import Any

from zoodiff.picture import facts, folding
from zoodiff.picture.blocks import Block
from zoodiff.picture.edges import Edges
from zoodiff.picture.facts import LayerFacts
from zoodiff.picture.scene import PlacedRow, Scene
from zoodiff.picture.subject import Subject


def page_data(subject: Subject, scene: Scene) -> dict[str, Any]:
    """Return everything that the script draws."""
    table = _Table()
    opened = folding.opened(scene)
    interesting = folding.interesting(scene)
    graphs = subject.evident.graphs
    return {
        "names": [facts.plain(graphs.a.name), facts.plain(graphs.b.name)],
        "rows": [_row(row, table) for row in scene.rows],
        "blocks": [
            [b.first, b.last, depth, *map(facts.plain, b.labels), int((b.first, b.last) in opened)]
            for b, depth in _with_depth(scene.blocks, 0)
        ],
        "edges": [_edges(each) for each in scene.edges],
        "findings": [_finding(each) for each in scene.findings],
        "relations": list(scene.relations),
        "interesting": sorted(interesting),
        "parting": scene.parting,
        "limit": subject.layers.limit if subject.layers else None,
        "texts": table.texts,
        "settings": table.settings,
    }


def _with_depth(blocks: tuple[Block, ...], depth: int) -> list[tuple[Block, int]]:
    result = []
    for block in blocks:
        result.append((block, depth))
        result += _with_depth(block.inner, depth + 1)
    return result


class _Table:
    """Texts and settings by number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.settings: list[list[int]] = []
        self._texts: dict[str, int] = {}
        self._settings: dict[tuple[int, ...], int] = {}

    def text(self, value: str) -> int:
        """The number of a text."""
        if value not in self._texts:
            self._texts[value] = len(self.texts)
            self.texts.append(value)
        return self._texts[value]

    def setting(self, pairs: tuple[tuple[str, str], ...]) -> int:
        """The number of a list of settings: keys and values in turn, each by its number."""
        key = tuple(self.text(part) for pair in pairs for part in pair)
        if key not in self._settings:
            self._settings[key] = len(self.settings)
            self.settings.append(list(key))
        return self._settings[key]


def _row(placed: PlacedRow, table: _Table) -> dict[str, Any]:
    plain: dict[str, Any] = {"l": placed.level}
    if placed.row.kind != "layer":
        plain["k"] = placed.row.kind
    for key, side in (("a", placed.a), ("b", placed.b)):
        if side is not None:
            plain[key] = _layer(side, table)
    if placed.row.elsewhere is not None:
        plain["e"] = placed.row.elsewhere
    if placed.findings:
        plain["f"] = list(placed.findings)
    if placed.weights is not None:
        plain["w"] = [placed.weights.sameness, _number(placed.weights.difference)]
    if placed.relations:
        plain["r"] = list(placed.relations)
    if placed.deviation is not None:
        plain["d"] = _number(placed.deviation)
    return plain


def _layer(layer: LayerFacts, table: _Table) -> list[Any]:
    """Name, operator, summary, shape, MACs, operators, weights."""
    return [
        table.text(layer.name),
        table.text(layer.op),
        table.text(layer.summary),
        table.text(layer.shape),
        layer.macs,
        [
            [table.text(node.name), table.text(node.op), table.setting(node.attributes)]
            for node in layer.nodes
        ],
        [
            [table.text(text) for text in (w.role, w.name, w.shape, w.dtype, w.layout)]
            for w in layer.weights
        ],
    ]


def _number(value: float | None) -> float | str | None:
    """A number with three digits; text where JSON has none."""
    if value is None:
        return None
    return float(f"{value:.3g}") if math.isfinite(value) else str(value)


def _edges(of: Edges) -> dict[str, Any]:
    return {
        "rails": [list(rail) for rail in of.rails],
        "lanes": [[lane.source, lane.number, list(lane.readers)] for lane in of.lanes],
    }


def _finding(placed: Any) -> dict[str, Any]:
    finding = placed.finding
    return {
        "code": finding.code,
        "name": facts.plain(finding.name),
        "level": placed.level,
        "effect": finding.effect,
        "left": facts.plain(finding.left),
        "right": facts.plain(finding.right),
        "rows": list(placed.rows),
    }
