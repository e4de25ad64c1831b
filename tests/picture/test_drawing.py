"""The drawing for a paper: inside its page, legible, the same as SVG and as PNG."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from support.pictures import graph, picture
from zoodiff.picture import figure, levels
from zoodiff.picture.shapes import SANS, Box, Drawing, Line, Sign, Words, fitted

PAIRS = [
    ("torchvision__resnet50", "keras__ResNet50"),
    ("torchvision__densenet121", "keras__Xception"),
    ("torchvision__vgg11_bn", "torchvision__vgg11_bn"),
]


@pytest.fixture(scope="module", params=PAIRS, ids=" and ".join)
def drawn(request: pytest.FixtureRequest):
    made = picture(*map(graph, request.param), request.param)
    return made, figure.figure(made.subject, made.scene)


def points(drawing: Drawing):
    for shape in drawing.shapes:
        if isinstance(shape, Line):
            yield from shape.points
        elif isinstance(shape, Box):
            yield shape.x, shape.y
            yield shape.x + shape.width, shape.y + shape.height
        else:
            yield shape.x, shape.y


def test_everything_is_inside(drawn) -> None:
    _, drawing = drawn
    assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in points(drawing))


def test_text_fits_and_is_no_smaller_than_in_footnotes(drawn) -> None:
    _, drawing = drawn
    for words in (shape for shape in drawing.shapes if isinstance(shape, Words)):
        assert words.size >= 8  # 6 points at a width of 3.5 inches
        length = len(words.text) * words.size * SANS
        start = {"start": 0, "middle": length / 2, "end": length}[words.anchor]
        assert words.x - start >= -1
        assert words.x - start + length <= drawing.width + 4


def test_every_level_in_the_drawing_is_in_its_legend(drawn) -> None:
    made, drawing = drawn
    text = " ".join(shape.text for shape in drawing.shapes if isinstance(shape, Words))
    for level in {row.level for row in made.scene.rows}:
        assert levels.STYLE[level].words in text
        assert any(isinstance(s, Sign) and s.level == level for s in drawing.shapes)


def test_svg_and_png_have_the_size_of_the_drawing(drawn) -> None:
    made, drawing = drawn
    root = ET.fromstring(made.to_svg())
    assert float(root.attrib["width"]) == drawing.width
    assert not any("href" in name for element in root.iter() for name in element.attrib)
    image = Image.open(io.BytesIO(made.to_png()))
    assert image.size == (round(drawing.width * 300 / 96), round(drawing.height * 300 / 96))
    assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 10


def test_text_is_shortened_at_its_end_or_beginning() -> None:
    assert fitted("short", 8, 100) == "short"
    assert fitted("a long name of a layer", 8, 50) == "a long nam…"
    assert fitted("a long name of a layer", 8, 50, keep_end=True).startswith("…")


def luminance(colour: str) -> float:
    """Relative luminance of a colour in sRGB (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("style", levels.STYLES, ids=lambda style: style.level)
def test_signs_differ_and_stand_out(style: levels.Style) -> None:
    assert sum(other.sign == style.sign for other in levels.STYLES) == 1
    for ground in ("#ffffff", style.ground):
        light, dark = luminance(ground), luminance(style.ink)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
