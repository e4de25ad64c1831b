"""The drawing of a diff for a paper: legible in a column of 3.5 inches, in print and in grey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoodiff.picture.condensed import Item, condensed, level_of
from zoodiff.picture.edges import Edges
from zoodiff.picture.facts import LayerFacts, plain
from zoodiff.picture.levels import STYLE, STYLES, Level
from zoodiff.picture.scene import Scene
from zoodiff.picture.shapes import SANS, Box, Drawing, Line, Shape, Sign, Words, fitted
from zoodiff.picture.subject import Subject

WIDTH = 336.0
"""3.5 inches, the column of most two-column papers."""
_HEIGHT = 26.0
"""Of an item."""
_GAP = 4.0
_MARGIN = 1.0
_LANES = 16.0
"""Width for the lanes at each edge."""
_MIDDLE = 54.0
"""Width between the two networks."""
_RAIL = 7.0
"""From the edge of a box to the line that leads to the next."""
_LINE_HEIGHT = 11.0
_LARGE, _SMALL = 9.0, 8.0
"""Sizes of text; 8 units are 6 points in print."""
_INK, _QUIET, _EDGE = "#1b1e22", "#5a626b", "#8a929b"


def figure(subject: Subject, scene: Scene) -> Drawing:
    """Return the drawing."""
    return _Figure(subject, scene).drawing()


class _Figure:
    def __init__(self, subject: Subject, scene: Scene) -> None:
        self._subject, self._scene = subject, scene
        self._items = condensed(scene)
        self._box = (WIDTH - 2 * (_MARGIN + _LANES) - _MIDDLE) / 2
        self._left = (_MARGIN + _LANES, WIDTH - _MARGIN - _LANES - self._box)
        self._shapes: list[Shape] = []

    def drawing(self) -> Drawing:
        graphs, answer = self._subject.evident.graphs, self._subject.evident.answer
        names = plain(graphs.a.name), plain(graphs.b.name)
        tops = self._tops(self._head(names))
        for side in (0, 1):
            places = _Places(self._scene, self._items, side, self._left[side], self._box, tops)
            self._shapes += _edges(self._scene.edges[side], places)
        for item, top in zip(self._items, tops, strict=False):
            self._item(item, top)
        bottom = self._legend(tops[-1] + 6)
        title = f"{names[0]} and {names[1]}"
        sentence = f"{plain(answer.sentence)}. {_description(self._scene)}"
        return Drawing(WIDTH, bottom, tuple(self._shapes), title, sentence)

    def _head(self, names: tuple[str, str]) -> float:
        for side, name in enumerate(names):
            x = self._left[side]
            shown = fitted(name, _LARGE * 1.08, self._box - 11, keep_end=True)
            self._shapes.append(Words(x, 13, "AB"[side], _LARGE, _QUIET, bold=True))
            self._shapes.append(Words(x + 11, 13, shown, _LARGE, _INK, bold=True))
        return 22.0

    def _tops(self, top: float) -> list[float]:
        """The upper edge of each item, and the end; the line where outputs part takes room."""
        tops = []
        for item in self._items:
            if not item.heading and self._scene.parting in item.rows:
                self._parting(top, inside=len(item.rows) > 1)
                top += _LINE_HEIGHT + 2
            tops.append(top)
            top += _HEIGHT + _GAP
        return [*tops, top]

    def _item(self, item: Item, y: float) -> None:
        if item.heading:
            self._heading(item, y)
            return
        level = level_of(self._scene, item)
        for side in (0, 1):
            x = self._left[side]
            if not _occupied(self._scene, item, side):
                self._shapes.append(Box(x, y, self._box, _HEIGHT, "", "#c3c8ce", dashed=True))
                continue
            style = STYLE["equal" if item.folded else level]
            stroke = style.ink if style.level != "equal" else "#c3c8ce"
            self._shapes.append(Box(x, y, self._box, _HEIGHT, style.ground, stroke))
            self._words(item, side, x, y)
        self._between(item, level, y)

    def _heading(self, item: Item, y: float) -> None:
        for side, label in enumerate(item.labels):
            shown = fitted(plain(label), _LARGE, self._box - 2 * _RAIL, keep_end=True)
            if shown:
                self._shapes.append(
                    Words(self._left[side] + _RAIL + 5, y + 18, shown, _LARGE, _QUIET, bold=True)
                )

    def _words(self, item: Item, side: int, x: float, y: float) -> None:
        width = self._box - _RAIL - 9
        if item.folded:
            count = sum(1 for row in item.rows if self._layer(row, side) is not None)
            upper = f"{count} layers" if count != 1 else "1 layer"
            if item.times > 1:
                upper = f"{item.times} \N{MULTIPLICATION SIGN} {count // item.times} layers"
            lower = self._label(item, side)
        else:
            layer = self._layer(item.first, side)
            assert layer is not None
            upper, lower = f"{layer.op} {_short(layer.summary)}".strip(), layer.name
        at = x + _RAIL + 5
        bold = not item.folded
        self._shapes.append(Words(at, y + 11, fitted(upper, _LARGE, width), _LARGE, _INK, bold))
        shown = fitted(lower, _SMALL, width, keep_end=True)
        self._shapes.append(Words(at, y + 21, shown, _SMALL, _QUIET))

    def _label(self, item: Item, side: int) -> str:
        if item.labels[side]:
            return plain(item.labels[side])
        named = [layer.name for row in item.rows if (layer := self._layer(row, side)) is not None]
        return f"{named[0]} \N{HORIZONTAL ELLIPSIS}" if named else ""

    def _between(self, item: Item, level: Level, y: float) -> None:
        """The sign, with the codes of findings or the number of rows that differ."""
        middle = WIDTH / 2
        rows = [self._scene.rows[row] for row in item.rows]
        codes = list(
            dict.fromkeys(
                self._scene.findings[k].finding.code
                for row in rows
                for k in row.findings
                if self._scene.findings[k].level == level
            )
        )
        text = codes[0] if len(codes) == 1 else f"{codes[0]} +{len(codes) - 1}" if codes else ""
        if item.folded:
            differing = sum(row.level != "equal" for row in rows)
            text = f"{differing} of {len(rows)}" if differing else ""
        self._shapes.append(Sign(middle, y + (8 if text else _HEIGHT / 2), level))
        if text:
            ink = STYLE[level].ink
            self._shapes.append(Words(middle, y + 21, text, _SMALL, ink, anchor="middle"))

    def _layer(self, row: int, side: int) -> LayerFacts | None:
        placed = self._scene.rows[row]
        return (placed.a, placed.b)[side]

    def _parting(self, y: float, *, inside: bool) -> None:
        """The line from which on outputs differ, with its words in the middle."""
        ink, half, middle = STYLE["cause"].ink, 58.0, y + _LINE_HEIGHT / 2 - 1
        words = "outputs begin to differ here" if inside else "outputs differ from here on"
        for start, end in ((2.0, WIDTH / 2 - half), (WIDTH / 2 + half, WIDTH - 2.0)):
            self._shapes.append(Line(((start, middle), (end, middle)), ink, 1.0, dashed=True))
        self._shapes.append(Words(WIDTH / 2, middle + 2.7, words, _SMALL, ink, anchor="middle"))

    def _legend(self, y: float) -> float:
        """Signs and their words, as many to a line as fit; returns where it ends."""
        present = {row.level for row in self._scene.rows}
        x = _MARGIN + 4
        for style in (style for style in STYLES if style.level in present):
            needed = 10 + len(style.words) * _SMALL * SANS
            if x + needed > WIDTH and x > _MARGIN + 4:
                x, y = _MARGIN + 4, y + _LINE_HEIGHT
            self._shapes.append(Sign(x, y + 3, style.level, 2.8))
            self._shapes.append(Words(x + 6, y + 5.9, style.words, _SMALL, _QUIET))
            x += needed + 8
        return y + _LINE_HEIGHT + 2


class _Places:
    """Where the boxes of one network stand."""

    def __init__(
        self,
        scene: Scene,
        items: Sequence[Item],
        side: int,
        left: float,
        width: float,
        tops: Sequence[float],
    ) -> None:
        self._tops = tops
        self.side = side
        self.rail = left + _RAIL
        self.outer = left if side == 0 else left + width
        """The edge towards the lanes."""
        self.away = -1 if side == 0 else 1
        self.item_of = {
            row: number
            for number, item in enumerate(items)
            if not item.heading
            for row in item.rows
        }
        self.occupied = [not item.heading and _occupied(scene, item, side) for item in items]

    def top(self, item: int) -> float:
        """The upper edge of an item."""
        return self._tops[item]

    def next(self, item: int) -> int:
        """The next item in which the network has a layer."""
        return next((k for k in range(item + 1, len(self.occupied)) if self.occupied[k]), -1)


def _occupied(scene: Scene, item: Item, side: int) -> bool:
    return any((scene.rows[row].a, scene.rows[row].b)[side] is not None for row in item.rows)


def _edges(edges: Edges, places: _Places) -> Iterator[Shape]:
    """The edges between items: those inside a folded item are not drawn."""
    straight, lanes = _visible(edges, places)
    for upper, lower in sorted(straight):
        points = (places.rail, places.top(upper) + _HEIGHT), (places.rail, places.top(lower))
        yield Line(points, _EDGE)
    numbers = {number: k for k, number in enumerate(sorted({n for n, _ in lanes}))}
    step = min(5.0, (_LANES - 4) / max(len(numbers), 1))
    for (number, source), readers in sorted(lanes.items()):
        x = places.outer + places.away * (4 + numbers[number] * step)
        start = places.top(source) + _HEIGHT * 0.75
        yield Line(((places.outer, start), (x, start), (x, _entry(places, readers[-1]))), _EDGE)
        for reader in readers:
            y = _entry(places, reader)
            yield Line(((x, y), (places.outer, y)), _EDGE)


def _entry(places: _Places, item: int) -> float:
    return places.top(item) + _HEIGHT * 0.25


def _visible(
    edges: Edges, places: _Places
) -> tuple[set[tuple[int, int]], dict[tuple[int, int], list[int]]]:
    """Edges between items: straight ones, and by lane and source the items that read it."""
    straight: set[tuple[int, int]] = set()
    lanes: dict[tuple[int, int], list[int]] = {}
    for upper, lower in edges.rails:
        ends = places.item_of[upper], places.item_of[lower]
        if ends[0] != ends[1]:
            straight.add(ends)
    for lane in edges.lanes:
        source = places.item_of[lane.source]
        readers = sorted({places.item_of[row] for row in lane.readers} - {source})
        near = places.next(source)
        if near in readers:
            straight.add((source, near))
            readers.remove(near)
        if readers:
            lanes.setdefault((lane.number, source), [])
            lanes[lane.number, source] = sorted({*lanes[lane.number, source], *readers})
    return straight, lanes


def _short(summary: str) -> str:
    """A summary as figures have it: "/2" for "stride 2" (K. He et al., 2015)."""
    return summary.replace(" stride ", " /").replace(" groups ", " g")


def _description(scene: Scene) -> str:
    layers = [row for row in scene.rows if row.row.kind == "layer"]
    differing = sum(row.level != "equal" for row in layers)
    return f"{len(layers)} rows of layers, of which {differing} differ."
