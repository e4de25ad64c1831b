"""The table of names: a column per zoo where they fit, and the findings below it."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from zoodiff.cli.render.console import print_columns, print_line, width_of

if TYPE_CHECKING:
    from zoodiff.api.names_report import NamesReport
    from zoodiff.api.values.names import NameRow

_NAME = 20
"""Width at which names are wrapped where zoos are listed."""
_LEAST = 20
"""Narrowest list of zoos."""
_GAP = 2
_Recipes = Literal["in full", "briefly", "below"]


def print_names(report: NamesReport, *, every_finding: bool) -> None:
    """Print the table and its findings; their numbers alone unless ``every_finding`` is set.

    The table is as wide as the terminal, or as ``COLUMNS`` says. Recipes and claims stand in a
    line below each name where columns would not fit, and zoos in a list where theirs would not.
    """
    width = max(40, shutil.get_terminal_size().columns)
    for recipes in ("in full", "briefly", "below"):
        lines = _grid(report.rows, recipes, width)
        if _width(lines) <= width:
            break
    else:
        lines = _lists(report.rows, width)
    print_columns(lines, gap=_GAP)
    for text in [*_summary(report), *([] if every_finding else _counted(report))]:
        for line in textwrap.wrap(text, width):
            print_line(line)
    for finding in report.findings if every_finding else ():
        print_line(finding.line)


def _counted(report: NamesReport) -> list[str]:
    """Return the numbers of findings by code; nothing without findings."""
    counts = Counter(finding.code for finding in report.findings)
    if not counts:
        return []
    listed = ", ".join(f"{count} {code}" for code, count in sorted(counts.items()))
    return [
        f"Findings: {listed}.",
        "zoodiff names NAME prints those of a name, zoodiff rules CODE explains one.",
    ]


def _grid(rows: Sequence[NameRow], recipes: _Recipes, width: int) -> list[list[str]]:
    """Return header and lines with a column per zoo; a line of one cell spans all columns."""
    from zoodiff.api.values.names import groups_words, networks_words, recipes_words

    zoos = sorted({zoo for row in rows for zoo in row.zoos})
    elsewhere = any(row.elsewhere for row in rows)
    beside = ["recipes", "top-1 %"] if recipes != "below" else []
    lines = [["name", "networks", *zoos, *(["elsewhere"] if elsewhere else []), *beside]]
    for row in rows:
        cells = [
            ", ".join(groups_words([entry for entry in row.entries if entry.zoo == zoo]))
            for zoo in zoos
        ]
        also = [str(len(row.elsewhere) or "")] if elsewhere else []
        line = [row.name, networks_words(row), *cells, *also]
        if recipes != "below":
            lines.append([*line, recipes_words(row, briefly=recipes == "briefly"), _range(row)])
        else:
            lines += [line, *_below(row, width)]
    return lines


def _lists(rows: Sequence[NameRow], width: int) -> list[list[str]]:
    """Return header and lines with one column for the zoos of each network."""
    from zoodiff.api.values.names import networks_words

    columns = max([len("networks"), *(len(networks_words(row)) for row in rows)])
    room = max(_LEAST, width - _NAME - columns - 2 * _GAP)
    lines = [["name", "networks", "zoos by network"]]
    for row in rows:
        names = list(_wrapped(row.name, _NAME))
        zoos = [line for group in _groups(row) for line in textwrap.wrap(group, room)]
        for number, (name, listed) in enumerate(zip_longest(names, zoos, fillvalue="")):
            lines.append([name, networks_words(row) if number == 0 else "", listed])
        lines += _below(row, width)
    return lines


def _groups(row: NameRow) -> list[str]:
    """Return one text per network with the zoos that have it, and one for what was not built."""
    letters: dict[str, Counter[str]] = {}
    odd: set[tuple[str, str]] = set()
    for entry in row.entries:
        letter = entry.letter or "?"
        letters.setdefault(letter, Counter())[entry.zoo] += entry.like_built if entry.built else 1
        if entry.odd:
            odd.add((letter, entry.zoo))
    texts = []
    for letter in sorted(letters, key=lambda text: (text == "?", len(text), text)):
        zoos = [
            zoo + ("*" if (letter, zoo) in odd else "") + (f" ({count})" if count > 1 else "")
            for zoo, count in letters[letter].items()
        ]
        texts.append(f"{letter} {', '.join(zoos)}")
    return texts


def _details(row: NameRow) -> str:
    """Return recipes and claims as a line below a name; empty without either."""
    from zoodiff.api.values.names import recipes_words

    recipes = f"recipes: {recipes_words(row)}" if row.recipes else ""
    claims = f"top-1 {_range(row)} %" if row.top1_lowest_percent is not None else ""
    return "; ".join(filter(None, (recipes, claims)))


def _below(row: NameRow, width: int) -> list[list[str]]:
    return [[f"  {line}"] for line in textwrap.wrap(_details(row), width - 2)]


def _range(row: NameRow) -> str:
    from zoodiff.api.values.names import range_words

    return range_words(row.top1_lowest_percent, row.top1_highest_percent)


def _wrapped(name: str, width: int) -> Iterator[str]:
    """Yield lines of at most ``width`` columns, broken behind underscores where there are any."""
    line = ""
    for part in name.replace("_", "_\0").split("\0"):
        if line.strip() and len(line) + len(part) > width:
            yield line
            line = "  "
        line += part
        while len(line) > width:
            yield line[:width]
            line = f"  {line[width:]}"
    yield line


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Return the width of a table of these lines."""
    whole = [line for line in lines if len(line) > 1]
    columns = [max(map(width_of, column)) for column in zip(*whole, strict=True)]
    alone = max((width_of(line[0]) for line in lines if len(line) == 1), default=0)
    return max(alone, sum(columns) + _GAP * (len(columns) - 1))


def _summary(report: NamesReport) -> list[str]:
    entries = [entry for row in report.rows for entry in row.entries]
    missing = sum(not entry.built for entry in entries)
    names = "1 name" if len(report.rows) == 1 else f"{len(report.rows):,} names"
    models = "1 model" if len(entries) == 1 else f"{len(entries):,} models"
    zoos = "1 zoo" if len(report.zoos) == 1 else f"{len(report.zoos)} zoos"
    lines = [
        f"{names}, {models} of {zoos}. The same letter is the same network, up to biases, batch "
        "norms, and pre- and post-processing inside; input size and number of classes are part "
        "of it. (28) are 28 published weights."
    ]
    if any(entry.odd for entry in entries):
        lines.append("* the odd one out: most entries with its input and classes are another one.")
    if missing:
        what = "1 model is" if missing == 1 else f"{missing:,} models are"
        them = "it" if missing == 1 else "them"
        lines.append(f"? {what} not built: --build builds {them} without weights.")
    if any(row.elsewhere for row in report.rows):
        lines.append(
            "elsewhere: zoos that have the name by the hand-checked table; zoodiff builds none "
            "of them."
        )
    return lines
