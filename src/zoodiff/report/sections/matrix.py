"""The matrix of the overview: architectures by zoos, each cell the worst answer of its entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from zoodiff.report.sections.standing import ORDER, Level, Standing, standings, worst, zoo_of
from zoodiff.report.words.routes import architecture_route, pair_route
from zoodiff.study.result import StudyResult

LETTERS: dict[Level, str] = {"same": "S", "but": "B", "unknown": "?", "other": "O"}
WORDS: dict[Level, str] = {
    "same": "same network",
    "but": "same but for what its codes name",
    "unknown": "not known",
    "other": "other network",
}
_CODES = 4
"""Codes of findings that a cell names in words."""
_FEW_ZOOS = 3
"""Up to so many zoos, a cell has room for two codes."""
_ROWS = 24
"""Rows that are shown at once; the others are folded."""


@dataclass(frozen=True)
class MatrixCell:
    """The worst answer of a zoo's entries against the others."""

    level: Level
    letter: str
    words: str
    """What a screen reader says, and what a pointer shows."""
    codes: str
    """The first codes, where there is room for them."""
    href: str


@dataclass(frozen=True)
class MatrixRow:
    """An architecture; a cell is None where the zoo has no entry."""

    name: str
    href: str
    level: Level
    cells: tuple[MatrixCell | None, ...]


@dataclass(frozen=True)
class Matrix:
    """Architectures by zoos, the worst answers first."""

    zoos: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    legend: tuple[tuple[Level, str, str], ...]
    """Level, letter and words of the answers that occur."""
    shown: int = _ROWS


def matrix(result: StudyResult) -> Matrix | None:
    """Return the matrix of a study; None if no two entries were compared by their graphs."""
    compared = list(standings(result).values())
    if not compared:
        return None
    zoos = tuple(sorted({zoo_of(entry) for each in compared for entry in each.entries}))
    rows = [_row(each, zoos) for each in compared]
    rows.sort(key=lambda row: (-ORDER.index(row.level), row.name))
    levels = {cell.level for row in rows for cell in row.cells if cell is not None}
    legend = tuple((level, LETTERS[level], WORDS[level]) for level in ORDER if level in levels)
    return Matrix(zoos, tuple(rows), legend)


@dataclass(frozen=True)
class _Answered:
    level: Level
    first: str
    second: str
    codes: tuple[str, ...]


def _row(standing: Standing, zoos: Sequence[str]) -> MatrixRow:
    of_zoo: dict[str, list[_Answered]] = defaultdict(list)
    members = list(zip(standing.entries, standing.numbers, strict=True))
    for (first, one), (second, two) in combinations(members, 2):
        level = standing.level(one, two)
        codes: tuple[str, ...] = ()
        if one is not None and two is not None and one != two:
            difference = standing.differences.get((min(one, two), max(one, two)))
            if difference is not None:
                # The findings with an effect come first, and of "other" they are the reason.
                findings = difference.values.findings
                effective = [f.code for f in findings if f.has_effect]
                codes = tuple(dict.fromkeys(effective or [f.code for f in findings]))
        answered = _Answered(level, first, second, codes)
        for zoo in {zoo_of(first), zoo_of(second)}:
            of_zoo[zoo].append(answered)
    room = 2 if len(zoos) <= _FEW_ZOOS else 1
    cells = tuple(
        _cell(standing.name, zoo, of_zoo[zoo], room) if zoo in of_zoo else None for zoo in zoos
    )
    level = worst(cell.level for cell in cells if cell is not None) or "unknown"
    return MatrixRow(standing.name, architecture_route(standing.name), level, cells)


def _cell(name: str, zoo: str, answers: list[_Answered], room: int) -> MatrixCell:
    level = worst(answer.level for answer in answers) or "unknown"
    of_level = [answer for answer in answers if answer.level == level]
    codes = list(dict.fromkeys(code for answer in of_level for code in answer.codes))
    words = f"{name}, {zoo}: {WORDS[level]}"
    beyond = len(codes) - room
    shown = " ".join(codes[:room]) + (f" +{beyond}" if beyond > 0 else "")
    if codes:
        more = f" and {len(codes) - _CODES} more" if len(codes) > _CODES else ""
        words += f" ({', '.join(codes[:_CODES])}{more})"
    href = architecture_route(name)
    if len(of_level) == 1 and level != "same":
        href = pair_route(name, of_level[0].first, of_level[0].second)
    return MatrixCell(level, LETTERS[level], words, shown, href)
