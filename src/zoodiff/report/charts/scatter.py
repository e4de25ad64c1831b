"""A scatter chart as inline SVG: accuracy over cost, with the front drawn as steps.

Shapes carry the meaning too: a filled mark is on the Pareto front, a hollow one is not; a circle is
a claim, a square was measured. The style sheet sets the colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.report.words import numbers
from zoodiff.text import html

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 14, 40
_SIZE = 3.5


@dataclass(frozen=True)
class Point:
    """A network: what it costs, and its accuracy in percent."""

    cost: float
    """Above zero."""
    accuracy: float
    title: str
    """Its name and numbers, and where they are from."""
    on_front: bool
    measured: bool


def chart(points: Sequence[Point], *, cost: str, unit: float, title: str) -> Markup:
    """Return a chart of points over a logarithmic axis of costs, in units of ``unit``.

    ``cost`` names the axis. Points must be finite, and there must be at least one.
    """
    across = _Scale.of([math.log10(point.cost / unit) for point in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale.of([point.accuracy for point in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_axis_across(across, cost), *_axis_up(up)]
    for measured in (False, True):
        front = [point for point in points if point.on_front and point.measured == measured]
        corners = [(across.at(math.log10(x / unit)), up.at(y)) for x, y in _steps(front)]
        if len(corners) > 1:
            (x, y), *others = corners
            path = f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in others)
            parts.append(Markup('<path class="front" d="{}"/>').format(path))
    for point in sorted(points, key=lambda each: each.on_front):
        x, y = across.at(math.log10(point.cost / unit)), up.at(point.accuracy)
        parts.append(_mark(point, x, y))
    return Markup(
        '<svg class="scatter" role="img" viewBox="0 0 {w} {h}"><title>{title}</title>'
        "<desc>Top-1 over {cost}. Filled marks are on the Pareto front; squares were measured, "
        "circles are claims.</desc>{body}</svg>"
    ).format(w=_WIDTH, h=_HEIGHT, title=Markup(html(title)), cost=cost, body=Markup("").join(parts))


@dataclass(frozen=True)
class _Scale:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    @staticmethod
    def of(values: Sequence[float], start: float, end: float) -> _Scale:
        low, high = min(values), max(values)
        margin = max((high - low) * 0.04, 0.05)
        return _Scale(low - margin, high + margin, start, end)

    def at(self, value: float) -> float:
        """Return the position of a value in pixels."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def _axis_across(scale: _Scale, label: str) -> list[Markup]:
    ticks = [
        (math.log10(factor * 10.0**power), factor * 10.0**power)
        for power in range(math.floor(scale.low), math.ceil(scale.high) + 1)
        for factor in (1, 2, 5)
    ]
    ticks = [tick for tick in ticks if scale.low <= tick[0] <= scale.high]
    parts = [
        Markup(
            '<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
            '<text x="{x}" y="{at}" text-anchor="middle">{label}</text>'
        ).format(
            x=scale.at(place), top=_TOP, bottom=_HEIGHT - _BOTTOM, at=_HEIGHT - 25, label=f"{n:g}"
        )
        for place, n in ticks
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    text = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
    return [*parts, text.format(middle, _HEIGHT - 8, label)]


def _axis_up(scale: _Scale) -> list[Markup]:
    rough = (scale.high - scale.low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(scale.low / step)
    ticks = [number * step for number in range(first, math.floor(scale.high / step) + 1)]
    decimals = max(0, -math.floor(math.log10(step)))
    return [
        Markup(
            '<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
            '<text x="{at}" y="{below}" text-anchor="end">{label}</text>'
        ).format(
            left=_LEFT,
            right=_WIDTH - _RIGHT,
            y=scale.at(tick),
            at=_LEFT - 6,
            below=scale.at(tick) + 3.5,
            label=numbers.fixed(tick, decimals),
        )
        for tick in ticks
    ]


def _steps(front: Sequence[Point]) -> list[tuple[float, float]]:
    """Return the corners of the best accuracy for each cost, by rising cost."""
    steps: list[tuple[float, float]] = []
    for point in sorted(front, key=lambda each: (each.cost, -each.accuracy)):
        if not steps or point.accuracy > steps[-1][1]:
            steps.append((point.cost, point.accuracy))
    return steps


def _mark(point: Point, x: float, y: float) -> Markup:
    kind = "dot" if point.on_front else "dot hollow"
    title = Markup("<title>{}</title>").format(Markup(html(point.title)))
    if point.measured:
        shape = '<rect class="{}" x="{}" y="{}" width="{}" height="{}">{}</rect>'
        return Markup(shape).format(
            kind, round(x - _SIZE, 1), round(y - _SIZE, 1), 2 * _SIZE, 2 * _SIZE, title
        )
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}">{}</circle>').format(
        kind, x, y, _SIZE, title
    )
