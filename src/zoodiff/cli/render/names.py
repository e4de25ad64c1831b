"""The table of names: 80 columns wide, and the findings below it."""

from __future__ import annotations

import textwrap
from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.names_report import NameRow, NamesReport

_NAME, _ENTRIES = 20, 22
"""Widths of the columns that are wrapped."""


def print_names(report: NamesReport, *, every_finding: bool) -> None:
    """Print the table and its findings; their numbers alone unless ``every_finding`` is set."""
    print_table(
        [
            "name",
            "networks",
            "entries by network",
            ("recipes", "right"),
            ("top-1 %", "right"),
        ],
        [line for row in report.rows for line in _lines(row)],
    )
    for text in _summary(report):
        print_line(text)
    if every_finding:
        for finding in report.findings:
            print_line(finding.line)
    elif report.findings:
        counts = Counter(finding.code for finding in report.findings)
        listed = ", ".join(f"{count} {code}" for code, count in sorted(counts.items()))
        print_line(f"Findings: {listed}.")
        print_line("zoodiff names NAME prints those of a name, zoodiff rules CODE explains one.")


def _lines(row: NameRow) -> list[list[str]]:
    """Return the lines of one name; long cells go on in the next line."""
    names = _wrapped(row.name.replace("_", "_\0"), _NAME)
    entries = [line for group in _groups(row) for line in _wrapped(group, _ENTRIES)]
    first = [_networks(row), str(row.recipes or "-"), _range(row)]
    lines = []
    for number, (name, entry) in enumerate(zip_longest(names, entries, fillvalue="")):
        networks, recipes, top1 = first if number == 0 else ("", "", "")
        lines.append([name, networks, entry, recipes, top1])
    return lines


def _groups(row: NameRow) -> list[str]:
    """Return one text per network with the zoos that have it, and one for what was not built."""
    letters: dict[str, Counter[str]] = {}
    odd: set[tuple[str, str]] = set()
    for entry in row.entries:
        letter = entry.letter or "not built:"
        letters.setdefault(letter, Counter())[entry.zoo] += 1
        if entry.odd:
            odd.add((letter, entry.zoo))
    texts = []
    for letter in sorted(letters, key=lambda text: (text == "not built:", len(text), text)):
        zoos = [
            zoo + ("*" if (letter, zoo) in odd else "") + (f" ({count})" if count > 1 else "")
            for zoo, count in letters[letter].items()
        ]
        texts.append(f"{letter} {', '.join(zoos)}")
    return texts


def _networks(row: NameRow) -> str:
    built = len(row.entries) - row.not_built
    return f"{row.networks} in {built}" if built else "-"


def _range(row: NameRow) -> str:
    low, high = row.top1_lowest_percent, row.top1_highest_percent
    if low is None or high is None:
        return "-"
    return f"{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f}-{high:.1f}"


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most ``width`` columns; a zero character is a place to break."""
    if "\0" not in text:
        return textwrap.wrap(text, width, subsequent_indent="  ") or [""]
    lines = [""]
    for part in text.split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("  ")
        lines[-1] += part
    return lines


def _summary(report: NamesReport) -> list[str]:
    entries = [entry for row in report.rows for entry in row.entries]
    missing = sum(not entry.built for entry in entries)
    lines = [
        f"{len(report.rows)} names, {len(entries)} entries of {len(report.zoos)} zoos. The same "
        "letter is the same network, up to",
        "biases, batch norms, and pre- and post-processing inside; input size and number",
        "of classes are part of it.",
    ]
    if any(entry.odd for entry in entries):
        lines.append("* the odd one out: most entries with its input and classes are another one.")
    if missing:
        what = "entry is" if missing == 1 else "entries are"
        them = "it" if missing == 1 else "them"
        lines.append(f"{missing} {what} not built: --build builds {them} without weights.")
    return lines
