"""What stands below tables of claims: sources, and remarks on doubtful and copied numbers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from zoodiff.cli.render.console import print_line

WIDTH = 80
"""Columns of characters of a table."""


def numbered(sources: Iterable[str]) -> dict[str, int]:
    """Return the number of each source, in order of appearance."""
    return {source: number for number, source in enumerate(dict.fromkeys(sources), start=1)}


def print_sources(sources: dict[str, int]) -> None:
    """Print the list of sources."""
    print_line("Sources:")
    for source, number in sources.items():
        print_line(f"[{number}] {source}")


def remarks(rows: Iterable[tuple[str, str | None, str | None]]) -> list[str]:
    """Return one line per group of rows with the same doubt or the same equal numbers.

    Each row is its name, why it is doubtful and where the same number stands.
    """
    lines = []
    listed = list(rows)
    for sign, column in (("?", 1), ("=", 2)):
        marked = sorted((str(row[column]), row[0]) for row in listed if row[column])
        for text, members in groupby(marked, key=lambda pair: pair[0]):
            names = list(dict.fromkeys(name for _, name in members))
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            equal = "equal to the last digit: " if sign == "=" else ""
            lines.append(f"{sign} {', '.join(names[:3])}{more}: {equal}{text}.")
    return lines
