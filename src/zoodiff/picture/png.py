"""A drawing as PNG, drawn with Pillow.

Pillow is needed for images anyway and brings a font. A converter of SVG would add a native library
(Cairo, or resvg) for a dozen rectangles, lines and texts.
"""

from __future__ import annotations

import functools
import io
import itertools

from PIL import Image, ImageDraw, ImageFont

from zoodiff.picture.levels import STYLE
from zoodiff.picture.shapes import Box, Drawing, Line, Point, Shape, Sign, Words, corners

_DOTS = 300 / 96
"""Dots per unit: 300 per inch."""
_FINER = 2
"""Times as large as needed while it is drawn, for smooth edges."""
_PLAIN = str.maketrans(
    {
        "\N{RIGHTWARDS ARROW}": ">",
        "\N{MULTIPLICATION SIGN}": "x",
        "\N{GREEK SMALL LETTER EPSILON}": "eps",
    }
)
"""Characters that the font of Pillow may lack."""


def to_png(drawing: Drawing) -> bytes:
    """Return a drawing as PNG with 300 dots per inch."""
    scale = _DOTS * _FINER
    image = Image.new("RGB", (round(drawing.width * scale), round(drawing.height * scale)), "white")
    pen = ImageDraw.Draw(image)
    for shape in drawing.shapes:
        _draw(pen, shape, scale)
    smaller = image.resize(
        (round(drawing.width * _DOTS), round(drawing.height * _DOTS)), Image.Resampling.LANCZOS
    )
    content = io.BytesIO()
    smaller.save(content, "PNG", dpi=(300, 300), optimize=True)
    return content.getvalue()


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, scale: float) -> None:
    if isinstance(shape, Box):
        corners_of = [shape.x, shape.y, shape.x + shape.width, shape.y + shape.height]
        ends = [value * scale for value in corners_of]
        edge = None if shape.dashed else shape.stroke or None
        pen.rounded_rectangle(
            ends, shape.radius * scale, shape.fill or None, edge, round(0.8 * scale)
        )
        if shape.dashed:
            _dashed_box(pen, shape, scale)
    elif isinstance(shape, Line):
        _line(pen, shape, scale)
    elif isinstance(shape, Words):
        _words(pen, shape, scale)
    else:
        _sign(pen, shape, scale)


def _dashed_box(pen: ImageDraw.ImageDraw, box: Box, scale: float) -> None:
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    around = ((x, y), (right, y), (right, bottom), (x, bottom), (x, y))
    _line(pen, Line(around, box.stroke, 0.8, dashed=True), scale)


def _line(pen: ImageDraw.ImageDraw, line: Line, scale: float) -> None:
    width = max(round(line.width * scale), 1)
    points = [(x * scale, y * scale) for x, y in line.points]
    if not line.dashed:
        pen.line(points, line.stroke, width, joint="curve")
        return
    for start, end in itertools.pairwise(points):
        for piece in _dashes(start, end, 3 * scale, 2 * scale):
            pen.line(piece, line.stroke, width)


def _dashes(start: Point, end: Point, dash: float, gap: float) -> list[tuple[Point, Point]]:
    length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
    pieces, at = [], 0.0
    while at < length:
        stop = min(at + dash, length)
        ends = [
            (
                start[0] + (end[0] - start[0]) * t / length,
                start[1] + (end[1] - start[1]) * t / length,
            )
            for t in (at, stop)
        ]
        pieces.append((ends[0], ends[1]))
        at = stop + gap
    return pieces


@functools.cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(pen: ImageDraw.ImageDraw, words: Words, scale: float) -> None:
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[words.anchor]
    font = _font(words.size * scale * 0.96)
    at = words.x * scale, words.y * scale
    stroke = round(0.02 * words.size * scale) if words.bold else 0
    pen.text(at, words.text.translate(_PLAIN), words.fill, font, anchor, stroke_width=stroke)


def _sign(pen: ImageDraw.ImageDraw, sign: Sign, scale: float) -> None:
    ink = STYLE[sign.level].ink
    x, y, r = sign.x * scale, sign.y * scale, sign.radius * scale
    width = max(round(scale), 1)
    if sign.level == "equal":
        for offset in (-1.3, 1.3):
            level = y + offset * scale
            pen.line([(x - r, level), (x + r, level)], ink, width)
    elif sign.level in {"cause", "none"}:
        inside = ink if sign.level == "cause" else None
        pen.ellipse([x - 0.9 * r, y - 0.9 * r, x + 0.9 * r, y + 0.9 * r], inside, ink, width)
    else:
        pen.polygon([(px * scale, py * scale) for px, py in corners(sign)], ink)
