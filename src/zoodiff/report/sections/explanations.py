"""Attributions of differences in measured accuracy, as tables whose lines add up."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.report.words import numbers
from zoodiff.results import Interval
from zoodiff.study.result import Explained, StudyResult

_DEPTHS = {"preprocessing": 1, "network": 1, "difference": 3, "differences": 3}
_DEPTH = 2
_NAMED = ("factor", "difference")


@dataclass(frozen=True)
class Line:
    """One part of a difference; the lines one depth below a line add up to it."""

    depth: int
    code: str
    what: str
    first: str
    second: str
    points: str
    interval: str
    shown: bool
    """Whether the interval excludes 0."""
    value: Interval


@dataclass(frozen=True)
class Named:
    """A finding about one entry, for example a convention that fits better."""

    code: str
    entry: str
    words: str


@dataclass(frozen=True)
class Pair:
    """The attribution of a pair's difference; without lines if it failed."""

    architecture: str
    first: str
    second: str
    summary: str
    lines: tuple[Line, ...]
    named: tuple[Named, ...]
    sentences: tuple[str, ...]


def pairs(result: StudyResult) -> tuple[Pair, ...]:
    """Return the formatted attributions of a study."""
    return tuple(_pair(explained) for explained in result.explanations)


def _pair(explained: Explained) -> Pair:
    values = explained.values
    joint = next((part for part in values.parts if part.kind == "interaction"), None)
    parts = [part for part in values.parts if part.kind != "interaction"]
    lines: list[Line] = []
    summary = "not taken apart"
    if values.total is not None:
        summary = (
            f"{_signed(values.total.value)} percentage points on "
            f"{numbers.plural(values.images, 'image')}"
        )
        lines.append(_line(0, "", "difference", ("", ""), values.total))
        for part in parts:
            named = part.kind in _NAMED or _shown(part.points)
            lines.append(
                _line(
                    _DEPTHS.get(part.kind, _DEPTH),
                    part.code if part.code and named else "",
                    part.what,
                    (part.first, part.second),
                    part.points,
                )
            )
    return Pair(
        architecture=explained.architecture,
        first=explained.entry,
        second=values.other,
        summary=summary,
        lines=tuple(lines),
        named=tuple(Named(finding.code, finding.entry, finding.words) for finding in values.named),
        sentences=_sentences(explained, joint.points if joint else None),
    )


def _line(depth: int, code: str, what: str, both: tuple[str, str], value: Interval) -> Line:
    text, bounds = _signed(value.value), f"[{_signed(value.low)}, {_signed(value.high)}]"
    return Line(depth, code, what, *both, text, bounds, _shown(value), value)


def _sentences(explained: Explained, joint: Interval | None) -> tuple[str, ...]:
    """The notes below the table."""
    values = explained.values
    sentences = []
    if joint is not None and _shown(joint):
        side = "gains" if joint.value > 0 else "loses"
        size = numbers.fixed(abs(joint.value), 1)
        sentences.append(
            f"Each network {side} {size} points on average by its own preprocessing; this takes no "
            "part in the sum."
        )
    confirmation = values.confirmation
    if confirmation is not None:
        word = "Confirmed" if confirmation.confirmed else "Not confirmed"
        bounds = f"[{_signed(confirmation.points.low)}, {_signed(confirmation.points.high)}]"
        sentences.append(
            f"{word}: {values.other} with the {confirmation.what} of {explained.entry} changes by "
            f"{_signed(confirmation.points.value)} {bounds} points."
        )
    return (
        *sentences,
        *(f"Note: {note}." for note in values.notes),
        *(f"Not explained: {problem}." for problem in values.problems),
    )


def _shown(value: Interval) -> bool:
    return value.low > 0 or value.high < 0


def _signed(value: float) -> str:
    """Return a number with two decimals and a sign; zero has no sign."""
    text = numbers.fixed(value, 2)
    return f"+{text}" if value > 0 and float(f"{value:.2f}") > 0 else text
