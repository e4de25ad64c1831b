"""How much a difference matters: one word, one sign and one colour per level.

The colours are told apart with any kind of colour blindness (after M. Okabe and K. Ito, 2008), and
every level has a sign of its own, since colour alone must not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoodiff.equivalence.answer import Answer
from zoodiff.rules.findings import Finding

Level = Literal["cause", "may", "form", "none", "weights", "equal"]

_NO_EFFECT = frozenset({"measurement", "parametrisation", "safety", "training"})
_FORM = frozenset({"output", "precision", "preprocessing"})


@dataclass(frozen=True)
class Style:
    """How a level is shown."""

    level: Level
    words: str
    sign: str
    ink: str
    """Colour of text and sign on white, contrast 4.5 : 1 at least."""
    ground: str
    """Colour behind."""


STYLES: tuple[Style, ...] = (
    Style("cause", "makes the functions differ", "\N{BLACK CIRCLE}", "#a8380b", "#fbe5d8"),
    Style("may", "may change the function", "\N{BLACK DIAMOND}", "#7d5700", "#fbf0d0"),
    Style(
        "form",
        "changes precision, preprocessing or the scale of the output",
        "\N{BLACK UP-POINTING TRIANGLE}",
        "#00684f",
        "#d9f0e8",
    ),
    Style("weights", "weights differ", "\N{BLACK SQUARE}", "#84406f", "#f6e3ef"),
    Style("none", "without effect on the function", "\N{WHITE CIRCLE}", "#1d5d93", "#e2eef8"),
    Style("equal", "equal", "=", "#5a626b", "#f4f5f7"),
)
"""The most important level first."""

RANK: dict[Level, int] = {style.level: k for k, style in enumerate(STYLES)}
STYLE: dict[Level, Style] = {style.level: style for style in STYLES}


def of_finding(finding: Finding, answer: Answer) -> Level:
    """Return the level of a finding, given the answer on the whole."""
    if finding.code in answer.because:
        return "cause"
    if finding.code in answer.up_to or finding.effect in _NO_EFFECT:
        return "none"
    return "form" if finding.effect in _FORM else "may"


def strongest(levels: list[Level]) -> Level:
    """Return the most important of some levels; "equal" where there is none."""
    return min(levels, key=RANK.__getitem__, default="equal")
