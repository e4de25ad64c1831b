"""Reads the tables of claims beside accuracy and size: times, further accuracies, recipes.

Cells are texts, as the zoos publish them; rows are sorted by architecture.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

from zoodiff.claims import provided
from zoodiff.claims.catalogue import DATA
from zoodiff.claims.packed import Column, read_table
from zoodiff.entry import did_you_mean, meant
from zoodiff.errors import UnknownNameError

Table = Literal["latency", "accuracy", "recipes"]
Row = dict[str, str]
CONTENTS: dict[Table, str] = {
    "latency": "times",
    "accuracy": "accuracies on other test sets or devices",
    "recipes": "preprocessing",
}


def rows(
    table: Table, architecture: str | None = None, columns: Sequence[str] | None = None
) -> list[Row]:
    """Return the rows of a table about one architecture (all if None), sorted by architecture.

    ``columns`` are those to read (all if None). Raises UnknownNameError if the table has nothing
    about an architecture of that name.
    """
    read = _columns(table)
    if architecture is None:
        numbers = None
    else:
        name = meant(architecture, architectures(table))
        if name is None:
            raise unknown(table, architecture)
        numbers = read["architecture"].rows_with(name)
    names = [name for name in read if name != "row" and (columns is None or name in columns)]
    cells = [read[name].cells(numbers) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


@functools.cache
def architectures(table: Table) -> tuple[str, ...]:
    """Return the names of all architectures in a table, sorted."""
    return tuple(sorted(_columns(table)["architecture"].texts))


def zoos(table: Table) -> tuple[str, ...]:
    """Return the names of all zoos with claims of a table's kind, sorted."""
    more = provided.times() if table == "latency" else ()
    published = _columns(table)["claimed_by"].texts
    return tuple(sorted({*published, *(time.zoo for time in more)}))


def unknown(table: Table, name: str) -> UnknownNameError:
    """Return the error for an architecture that a table lacks, with a suggestion.

    If ``name`` is a zoo's name of a model, the suggestion is its architecture.
    """
    folded = name.lower()
    for row in rows(table, columns=("architecture", "model")):
        if row["model"].lower() == folded:
            return UnknownNameError(
                f'no {CONTENTS[table]} are published about "{name}"; did you mean '
                f"{row['architecture']}?"
            )
    hint = did_you_mean(name, architectures(table))
    return UnknownNameError(f'no {CONTENTS[table]} are published about "{name}"{hint}')


def number(text: str) -> float | None:
    """Return a published number; None if the cell has none."""
    try:
        return float(text)
    except ValueError:
        return None


def whole(text: str) -> int | None:
    """Return a published whole number; None if the cell has none, such as ``not stated``."""
    return int(text) if text.isdecimal() else None


def stated(text: str) -> str | None:
    """Return the text of a cell; None if the zoo states nothing."""
    return None if text in ("", "not stated") else text


def source(row: Row) -> str:
    """Return repository, path and commit, as claims have them."""
    commit = row["commit"]
    at = f"@{commit[:12]}" if len(commit) == 40 else f" ({commit})" if commit else ""
    return f"{row['source_repo']} {row['source_path']}{at}"


@functools.cache
def _columns(table: Table) -> dict[str, Column]:
    return read_table(DATA, table)
