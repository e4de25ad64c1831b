"""What a drawing consists of; the writers of SVG and PNG draw the same shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoodiff.picture.levels import Level

SANS = 0.56
"""Width of an average character of a sans-serif font, relative to its size."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle with round corners; nothing is filled or drawn where a colour is empty."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    stroke: str = ""
    dashed: bool = False
    radius: float = 2.5


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[Point, ...]
    stroke: str
    width: float = 0.8
    dashed: bool = False


@dataclass(frozen=True)
class Words:
    """One line of text; ``y`` is the baseline."""

    x: float
    y: float
    text: str
    size: float
    fill: str = "#1b1e22"
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True)
class Sign:
    """The sign of a level, around its middle."""

    x: float
    y: float
    level: Level
    radius: float = 3.2


Shape = Box | Line | Words | Sign


@dataclass(frozen=True)
class Drawing:
    """Shapes in the order of drawing; one unit is 1/96 inch."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str
    description: str


def fitted(text: str, size: float, width: float, *, keep_end: bool = False) -> str:
    """Return text that fits a width, shortened at its end or at its beginning.

    >>> fitted("encoder.layers.encoder_layer_11.mlp", 8, 80, keep_end=True)
    '…er_layer_11.mlp'
    """
    most = max(int(width / (size * SANS)), 1)
    if len(text) <= most:
        return text
    return f"…{text[len(text) - most + 2 :]}" if keep_end else f"{text[: most - 1]}…"


def corners(sign: Sign) -> tuple[Point, ...]:
    """Return the corners of a sign that is no circle."""
    x, y, r = sign.x, sign.y, sign.radius
    if sign.level == "may":
        return ((x, y - r * 1.2), (x + r * 1.2, y), (x, y + r * 1.2), (x - r * 1.2, y))
    if sign.level == "form":
        return ((x, y - r), (x + r * 1.1, y + r * 0.9), (x - r * 1.1, y + r * 0.9))
    return (
        (x - r * 0.9, y - r * 0.9),
        (x + r * 0.9, y - r * 0.9),
        (x + r * 0.9, y + r * 0.9),
        (x - r * 0.9, y + r * 0.9),
    )
