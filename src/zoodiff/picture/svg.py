"""A drawing as SVG: attributes only, no style sheet, no script, nothing from outside."""

from __future__ import annotations

from zoodiff.picture.levels import STYLE
from zoodiff.picture.shapes import Box, Drawing, Line, Shape, Sign, Words, corners
from zoodiff.text import html

_FONT = "Helvetica, Arial, Liberation Sans, sans-serif"


def to_svg(drawing: Drawing, *, embedded: bool = False) -> str:
    """Return a drawing as SVG; ``embedded`` for an element of an HTML page."""
    size = f'width="{_n(drawing.width)}" height="{_n(drawing.height)}"'
    box = f'viewBox="0 0 {_n(drawing.width)} {_n(drawing.height)}"'
    head = "" if embedded else '<?xml version="1.0" encoding="UTF-8"?>\n'
    name = html(f"{drawing.title}: {drawing.description}")
    lines = [
        f'{head}<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" '
        f'aria-label="{name}" font-family="{_FONT}">',
        f"<title>{html(drawing.title)}</title>",
        f"<desc>{html(drawing.description)}</desc>",
        f'<rect width="{_n(drawing.width)}" height="{_n(drawing.height)}" fill="#ffffff"/>',
        *map(_shape, drawing.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _shape(shape: Shape) -> str:
    if isinstance(shape, Box):
        return _box(shape)
    if isinstance(shape, Line):
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        dash = ' stroke-dasharray="3 2"' if shape.dashed else ""
        return (
            f'<polyline points="{points}" fill="none" stroke="{shape.stroke}" '
            f'stroke-width="{_n(shape.width)}"{dash}/>'
        )
    if isinstance(shape, Words):
        weight = ' font-weight="bold"' if shape.bold else ""
        anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
        return (
            f'<text x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{_n(shape.size)}" '
            f'fill="{shape.fill}"{weight}{anchor}>{html(shape.text)}</text>'
        )
    return _sign(shape)


def _box(box: Box) -> str:
    stroke = f' stroke="{box.stroke}" stroke-width="0.8"' if box.stroke else ""
    dash = ' stroke-dasharray="2.5 2"' if box.dashed else ""
    fill = box.fill or "none"
    return (
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" '
        f'height="{_n(box.height)}" rx="{_n(box.radius)}" fill="{fill}"{stroke}{dash}/>'
    )


def _sign(sign: Sign) -> str:
    ink = STYLE[sign.level].ink
    x, y, r = sign.x, sign.y, sign.radius
    if sign.level == "equal":
        return (
            f'<path d="M{_n(x - r)} {_n(y - 1.3)}h{_n(2 * r)}M{_n(x - r)} {_n(y + 1.3)}'
            f'h{_n(2 * r)}" stroke="{ink}" stroke-width="0.9"/>'
        )
    if sign.level in {"cause", "none"}:
        inside = ink if sign.level == "cause" else "none"
        return (
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(r * 0.9)}" fill="{inside}" '
            f'stroke="{ink}" stroke-width="1"/>'
        )
    points = " ".join(f"{_n(px)},{_n(py)}" for px, py in corners(sign))
    return f'<polygon points="{points}" fill="{ink}"/>'
