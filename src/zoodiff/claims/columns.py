"""Reads the Parquet tables of claims: times, further accuracies, recipes.

Rows are sorted by architecture and lie in small groups, so that those of one architecture are read
without the rest. Cells are texts, as the zoos publish them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

from zoodiff.claims.catalogue import DATA
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
    file = _file(table)
    if architecture is None:
        return _plain(file.read(columns=None if columns is None else list(columns)))
    name = meant(architecture, architectures(table))
    if name is None:
        raise unknown(table, architecture)
    wanted = None if columns is None else list(dict.fromkeys([*columns, "architecture"]))
    groups = [group for group, low, high in _ranges(table) if low <= name <= high]
    read = _plain(file.read_row_groups(groups, columns=wanted))
    return [row for row in read if row["architecture"] == name]


@functools.cache
def architectures(table: Table) -> tuple[str, ...]:
    """Return the names of all architectures in a table, sorted."""
    column = _file(table).read(columns=["architecture"]).column(0)
    return tuple(sorted(column.unique().to_pylist()))


@functools.cache
def zoos(table: Table) -> tuple[str, ...]:
    """Return the names of all zoos in a table, sorted."""
    column = _file(table).read(columns=["claimed_by"]).column(0)
    return tuple(sorted(column.unique().to_pylist()))


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
def _file(table: Table) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(DATA / f"{table}.parquet")


@functools.cache
def _ranges(table: Table) -> tuple[tuple[int, str, str], ...]:
    """Return of each group of rows its number, first and last architecture."""
    metadata = _file(table).metadata
    column = _file(table).schema_arrow.names.index("architecture")
    groups = range(metadata.num_row_groups)
    statistics = [metadata.row_group(group).column(column).statistics for group in groups]
    return tuple((group, statistics[group].min, statistics[group].max) for group in groups)


def _plain(table: Any) -> list[Row]:
    names = [name for name in table.column_names if name != "row"]
    columns = [table.column(name).to_pylist() for name in names]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
