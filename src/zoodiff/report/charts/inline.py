"""Small charts as inline SVG: a bar, or a dot with its interval; all rows share one axis.

The style sheet sets colours and line widths by class; ``title`` and ``desc`` hold the text
alternatives. Shapes carry the meaning too: a filled dot is beyond noise, a hollow dot is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.report.words import numbers
from zoodiff.results import Interval
from zoodiff.text import html

WIDTH = 180
HEIGHT = 18
_MARGIN = 8
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A linear axis with round steps, shared by all rows of a table."""

    low: float
    high: float
    step: float

    def x(self, value: float) -> float:
        """Return the horizontal position of ``value`` in pixels, clamped to the axis."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    @property
    def ticks(self) -> list[float]:
        """The multiples of the step on the axis."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [i * self.step for i in range(first, last + 1)]


def axis_over(values: Iterable[float], around: float = 0.0) -> Axis:
    """Return an axis that spans ``values`` and ``around``, with ticks at multiples of a round step.

    The upper end is a tick. The lower end is the least value, so that an interval that barely
    crosses zero does not add a whole step.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = min([around, *finite]), max([around, *finite])
    if high - low < 1e-9:  # equal in every printed digit
        high = low + 1.0
    rough = (high - low) / 3
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(s for s in (m * magnitude for m in _STEPS) if s >= rough * (1 - 1e-9))
    return Axis(low, math.ceil(high / step - 1e-9) * step, step)


def axis_labels(axis: Axis, unit: str) -> Markup:
    """Return the axis with labelled ticks, for the header of a table's chart column."""
    decimals = max(0, -math.floor(math.log10(axis.step) + 1e-9))
    if not math.isclose(round(axis.step, decimals), axis.step):
        decimals += 1
    parts = [
        Markup('<line class="axis" x1="{}" x2="{}" y1="16.5" y2="16.5"/>').format(
            axis.x(axis.low), axis.x(axis.high)
        )
    ]
    for tick in axis.ticks:
        x = axis.x(tick)
        parts.append(
            Markup(
                '<line class="axis" x1="{x}" x2="{x}" y1="13" y2="17"/>'
                '<text x="{x}" y="10" text-anchor="middle">{label}</text>'
            ).format(x=x, label=numbers.fixed(tick, decimals))
        )
    return _svg(f"axis from {axis.low:g} to {axis.high:g} {unit}", "", parts)


def bar(axis: Axis, value: float, title: str) -> Markup:
    """Return a bar from zero to ``value``."""
    start, end = sorted((axis.x(0.0), axis.x(value)))
    return _svg(
        title,
        "The length of the bar is the difference.",
        [
            _grid(axis),
            Markup('<rect class="bar" x="{}" y="5" width="{}" height="8"/>').format(
                start, round(max(end - start, 1.0), 1)
            ),
        ],
    )


def dot(
    axis: Axis,
    value: float,
    interval: Interval | None,
    title: str,
    *,
    filled: bool,
    noise: tuple[float, float] | None = None,
) -> Markup:
    """Return a dot at ``value`` on its interval, over a band of the run's ``noise``."""
    parts = []
    description = "The dot is the value"
    if noise is not None:
        start, end = axis.x(noise[0]), axis.x(noise[1])
        parts.append(
            Markup('<rect class="noise" x="{}" y="1" width="{}" height="16"/>').format(
                start, round(max(end - start, 1.0), 1)
            )
        )
        description += ", the shaded band the noise of the run"
    parts.append(_grid(axis))
    if interval is not None:
        low, high = axis.x(interval.low), axis.x(interval.high)
        parts.append(
            Markup(
                '<path class="interval" d="M{low} 9H{high}M{low} 5.5V12.5M{high} 5.5V12.5"/>'
            ).format(low=low, high=high)
        )
        description += f", the line its {numbers.level(interval)} interval"
    parts.append(
        Markup('<circle class="{}" cx="{}" cy="9" r="3.5"/>').format(
            "dot" if filled else "dot hollow", axis.x(value)
        )
    )
    return _svg(title, description + ".", parts)


def _grid(axis: Axis) -> Markup:
    inner = [tick for tick in axis.ticks if not math.isclose(tick, 0.0, abs_tol=axis.step * 1e-6)]
    lines = Markup("").join(
        Markup('<line class="grid" x1="{x}" x2="{x}" y1="0" y2="18"/>').format(x=axis.x(tick))
        for tick in inner
    )
    if axis.low <= 0 <= axis.high:
        lines += Markup('<line class="axis" x1="{x}" x2="{x}" y1="0" y2="18"/>').format(
            x=axis.x(0.0)
        )
    return lines


def _svg(title: str, description: str, parts: Iterable[Markup]) -> Markup:
    described = Markup("<desc>{}</desc>").format(description) if description else ""
    return Markup(
        '<svg role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}">'
        "<title>{title}</title>{described}{body}</svg>"
    ).format(
        w=WIDTH,
        h=HEIGHT,
        title=Markup(html(title)),
        described=described,
        body=Markup("").join(parts),
    )
