"""The tables of a report for papers and spreadsheets: each as CSV, LaTeX and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff import text
from zoodiff.report.app.facts import Document, Measured
from zoodiff.report.sections.rankings import Ranking
from zoodiff.report.sections.standing import Level
from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import MINUS, NOT_MEASURED, TIMES

NAMES = ("claimed", "accuracy", "latency", "networks", "entries")
"""Every report has all of these tables, some of them without rows."""
_LEVELS: dict[Level, str] = {
    "same": "same network",
    "but": "same but for named differences",
    "unknown": "not known",
    "other": "other network",
}
_RANKING = (
    *("rank", "name", "first entry", "first value", "second entry", "second value"),
    *("difference", "interval", "verdict", "why", "doubtful"),
)
_MATHS = {
    MINUS: "$-$",
    TIMES: r"$\times$",
    NOT_MEASURED: "--",
    "∞": r"$\infty$",
    "≠": r"$\neq$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "…": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
}
"""Signs of our own that LaTeX's fonts may lack."""


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(rankings: Sequence[Ranking], document: Document) -> tuple[Table, ...]:
    """Return all tables of a report, in the order of ``NAMES``."""
    return (*map(_ranking, rankings), _networks(document), _entries(document))


def to_csv(table: Table) -> str:
    """Return a table as CSV; text that a spreadsheet would run as a formula is quoted."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in (table.columns, *table.rows):
        writer.writerow([text.csv_cell(cell) for cell in row])
    return buffer.getvalue()


def to_markdown(table: Table) -> str:
    """Return a table as Markdown of GitHub's kind."""
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    shown = ("| " + " | ".join(_markdown(cell) for cell in line) + " |" for line in lines)
    return "\n".join(shown) + "\n"


def to_latex(table: Table) -> str:
    """Return a table as LaTeX; it needs the package booktabs."""
    rows = "\n".join(" & ".join(map(_latex, row)) + r" \\" for row in table.rows)
    head = " & ".join(map(_latex, table.columns))
    return "\n".join(
        (
            "% needs \\usepackage{booktabs}",
            "\\begin{table}",
            f"\\caption{{{_latex(table.caption)}}}",
            f"\\begin{{tabular}}{{{'l' * len(table.columns)}}}",
            "\\toprule",
            head + r" \\",
            "\\midrule",
            *([rows] if rows else ()),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
            "",
        )
    )


FORMATS = {"csv": to_csv, "tex": to_latex, "md": to_markdown}
"""Ending -> function."""


def _markdown(cell: str) -> str:
    return "---" if cell == "---" else text.markdown(cell)


def _latex(cell: str) -> str:
    escaped = text.latex(cell)
    for sign, command in _MATHS.items():
        escaped = escaped.replace(sign, command)
    return escaped


def _ranking(ranking: Ranking) -> Table:
    return Table(
        ranking.anchor,
        f"{ranking.heading}: pairs of entries by the size of their difference",
        _RANKING,
        tuple(
            (
                str(row.rank),
                row.architecture,
                *(each for side in row.sides for each in (side.entry, _value(side.value, ranking))),
                row.difference,
                row.interval or "",
                row.verdict,
                " ".join(dict.fromkeys(why.code for why in row.why)),
                row.doubtful or "",
            )
            for row in ranking.rows
        ),
    )


def _value(value: str, ranking: Ranking) -> str:
    return f"{value} {ranking.unit}"


def _networks(document: Document) -> Table:
    rows = [
        (
            architecture.name,
            *difference.entries,
            _LEVELS[difference.level],
            difference.answer,
            " ".join(dict.fromkeys(finding.code for finding in difference.findings)),
        )
        for architecture in document.architectures
        for difference in architecture.differences
    ]
    columns = ("name", "first entry", "second entry", "answer", "in words", "codes")
    return Table("networks", "Pairs of distinct graphs and what differs", columns, tuple(rows))


def _entries(document: Document) -> Table:
    rows = [
        (
            architecture.name,
            entry.name,
            entry.weights,
            entry.input.text,
            entry.parameters.text,
            entry.macs.text,
            _shown(entry.latency),
            _shown(entry.top1),
            _shown(entry.top5),
        )
        for architecture in document.architectures
        for entry in architecture.entries
    ]
    return Table(
        "entries",
        "Entries, with intervals",
        ("name", "entry", "weights", "input", "parameters", "MACs", "latency", "top-1", "top-5"),
        tuple(rows),
    )


def _shown(values: Iterable[Measured]) -> str:
    return "; ".join(each.text for each in values) or numbers.NOT_MEASURED
