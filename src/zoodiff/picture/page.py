"""One self-contained page: the answer, the findings, and the two graphs side by side."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from zoodiff import text
from zoodiff._version import __version__
from zoodiff.picture import figure, folding, levels, svg
from zoodiff.picture.data import page_data
from zoodiff.picture.levels import Style
from zoodiff.picture.scene import PlacedFinding, Scene
from zoodiff.picture.subject import Subject

_PLACES = 4
"""Places of a finding that are linked at once; the others are folded."""
_MOST_PLACES = 200
_SCRIPTS = ("items.js", "edges.js", "rows.js", "details.js", "view.js", "main.js")
"""The parts of the page's one script, in their order."""
_WORDS = {True: "same", False: "differ", None: "unknown"}


@dataclass(frozen=True)
class Place:
    """A link to a row."""

    row: int
    text: str


@dataclass(frozen=True)
class FindingRow:
    """A finding as the list on the page has it."""

    number: int
    style: Style
    code: str
    name: str
    left: str
    right: str
    count: str
    places: tuple[Place, ...]
    more: tuple[Place, ...]
    uncounted: int
    """Places that are not linked."""


def to_html(subject: Subject, scene: Scene) -> str:
    """Return the page; its policy forbids every other script, style and resource."""
    style = _asset("picture.css")
    parts = "\n".join(_asset(name) for name in _SCRIPTS)
    script = f'"use strict";\n(function () {{\n{parts}}})();\n'
    answer, graphs = subject.evident.answer, subject.evident.graphs
    shown = {row.level for row in scene.rows} | {f.level for f in scene.findings}
    return (
        _templates()
        .get_template("picture.html.j2")
        .render(
            version=__version__,
            answer=answer,
            verdict=_WORDS[answer.same_function],
            names=(graphs.a.name, graphs.b.name),
            lines=subject.lines,
            findings=_finding_rows(scene),
            legend=[s for s in levels.STYLES if s.level in shown],
            summary=_summary(subject, scene),
            layers=subject.layers,
            figure=Markup(svg.to_svg(figure.figure(subject, scene), embedded=True)),
            data=Markup(script_json(page_data(subject, scene))),
            style=Markup(style),
            style_hash=_policy_hash(style),
            script=Markup(script),
            script_hash=_policy_hash(script),
        )
    )


def script_json(value: Any) -> str:
    """Return JSON that cannot end the element that holds it, nor begin a comment in it."""
    # All texts are visible characters, from ``facts.plain``; ASCII is quick to read and write.
    plain = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        plain = plain.replace(character, f"\\u{ord(character):04x}")
    return plain


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("zoodiff.picture"),
        autoescape=True,
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _escaped(value: object) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(text.html(text.visible(value)))  # one line each, as on a terminal
    return value


def _finding_rows(scene: Scene) -> list[FindingRow]:
    return [_finding_row(number, each, scene) for number, each in enumerate(scene.findings)]


def _finding_row(number: int, placed: PlacedFinding, scene: Scene) -> FindingRow:
    finding = placed.finding
    places = [Place(row, _name(scene, row)) for row in placed.rows[:_MOST_PLACES]]
    noun = finding.noun or "places"
    return FindingRow(
        number,
        levels.STYLE[placed.level],
        finding.code,
        finding.name,
        finding.left,
        finding.right,
        f"{finding.count} {noun}" if finding.count != 1 else "",
        tuple(places[:_PLACES]),
        tuple(places[_PLACES:]),
        max(0, len(placed.rows) - _MOST_PLACES),
    )


def _name(scene: Scene, row: int) -> str:
    side = scene.rows[row].a or scene.rows[row].b
    return text.ending(side.name) if side else f"row {row + 1}"


def _summary(subject: Subject, scene: Scene) -> str:
    """One sentence that counts layers, as the picture shows them."""
    layers = [row for row in scene.rows if row.row.kind == "layer"]
    paired = len(subject.evident.graphs.alignment.pairs)
    equal = sum(row.level == "equal" for row in layers)
    only = [sum(1 for r in layers if r.row.elsewhere is None and r.side_missing(k)) for k in (1, 0)]
    parts = [f"{paired} aligned layers", f"{equal} of them equal" if equal else ""]
    for count, name in zip(only, "AB", strict=True):
        parts.append(f"{count} in {name} only" if count else "")
    blocks = sum(1 for _ in folding.flat(scene.blocks))
    parts.append(f"{blocks} block{'s' if blocks > 1 else ''}" if blocks else "")
    return ", ".join(part for part in parts if part)


def _asset(name: str) -> str:
    return (resources.files("zoodiff.picture") / "assets" / name).read_text(encoding="utf-8")


def _policy_hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
