"""Output of commands: lines and tables for people, JSON for programs.

Nothing else in zoodiff writes to standard output or standard error. All text passes through
``zoodiff.text``, because names and messages in it may be untrusted.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from zoodiff.api.schemas import names as schemas
from zoodiff.cli import streams
from zoodiff.errors import ZoodiffError
from zoodiff.text import finite, json_text, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_NARROWEST = 40
_PIPED = 200
"""Columns of a table that no terminal shows."""
RESULTS_HELP = (
    "The results folder, or an address such as s3://bucket/study, where records and runs are kept."
)


def console() -> Console:
    """Return a console on standard error, for bars and spinners.

    It interprets neither markup nor ``:emoji:``, and does not colour text by its content.
    """
    if is_quiet():
        return _console(io.StringIO(), is_terminal=False)
    if is_verbose():  # bars and lines would break each other
        return _console(streams.behind(sys.stderr), is_terminal=False)
    return _console(streams.behind(sys.stderr), sys.stderr.isatty())


def is_quiet() -> bool:
    """Return whether progress is not to be shown: ``--quiet``, or ``ZOODIFF_QUIET``."""
    return bool(os.environ.get("ZOODIFF_QUIET"))


def is_verbose() -> bool:
    """Return whether every step is said: ``--verbose``, or ``ZOODIFF_VERBOSE``."""
    return bool(os.environ.get("ZOODIFF_VERBOSE"))


def say_progress(text: str) -> None:
    """Print one line about the progress of the command on standard error, unless it is quiet."""
    if not is_quiet():
        say(text)


def _console(file: TextIO, is_terminal: bool, most: int | None = None) -> Console:
    """Return a console that writes to a file, as wide as ``columns_available``.

    ``most`` is the largest width.
    """
    from rich.console import Console

    return Console(
        file=file,
        force_terminal=is_terminal or None,
        width=_width(is_terminal, most),
        soft_wrap=not is_terminal,
        markup=False,
        emoji=False,
        highlight=False,
    )


def columns_available() -> int:
    """Return the width of output in characters: ``COLUMNS``, the terminal's, or 200 in a pipe."""
    piped = not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal()
    return _PIPED if piped else shutil.get_terminal_size().columns


def _width(is_terminal: bool, most: int | None) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if most is None:
        return None if is_terminal else int(columns) if columns.isdecimal() else _PIPED
    return min(most, columns_available())


def print_line(text: str = "") -> None:
    """Print one line on standard output; control characters are shown as escapes."""
    sys.stdout.write(visible(text) + "\n")


def print_wrapped(text: str, indent: int = 0) -> None:
    """Print a text in lines that fit the terminal, or ``COLUMNS``; in a pipe as one line.

    Further lines begin with ``indent`` spaces.
    """
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        print_line(text)
        return
    width = max(columns_available(), _NARROWEST)
    lines = textwrap.wrap(
        visible(text),
        width,
        subsequent_indent=" " * indent,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines or [""]:
        print_line(line)


def say(text: str) -> None:
    """Print one line on standard error; standard output is for results only."""
    sys.stderr.write(visible(text) + "\n")
    sys.stderr.flush()


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output."""
    sys.stdout.write(json_text(value) + "\n")


def print_document(name: str, value: Any) -> None:
    """Print a result as JSON on standard output, as the schema of this name describes it."""
    print_json(labelled(name, value))


def labelled(name: str, value: Any) -> Any:
    """Return a document with its schema first, if it is an object with keys of its own.

    Lists, and objects whose keys are names of entries, stay as they are.
    """
    plain = finite(value)
    document = schemas.find(name)
    return {"schema": document.label, **plain} if document.names_itself else plain


def print_error(kind: str, message: str, exit_code: int) -> None:
    """Print an error as a JSON object if ``--json`` was passed and nothing was printed yet."""
    if not _json_requested(sys.argv[1:]) or streams.has_text(sys.stdout):
        return
    with contextlib.suppress(ZoodiffError):  # standard output itself may be what failed
        print_document("error", error_object(kind, message, exit_code))


def error_object(kind: str, message: str, exit_code: int) -> dict[str, Any]:
    """Return an error as plain values, for JSON."""
    return {"error": {"kind": kind, "message": message, "exit_code": exit_code}}


def _json_requested(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options; after ``--`` it is an argument.

    >>> _json_requested(["list", "--json"]), _json_requested(["list", "--", "--json"])
    (True, False)
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def print_table(
    columns: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    width: int | None = None,
) -> None:
    """Print a table; a column given as ``(name, "right")`` is aligned to the right.

    With ``width``, columns given as ``(name, "fold")`` are folded so that the table has at most so
    many columns of characters; other columns then keep their width.
    """
    rows = list(rows)
    if len(rows) >= _LONG and width is None and title is None and any(columns):
        lines = _long_table(columns, rows)
        if lines is not None:
            sys.stdout.write("\n".join(lines) + "\n")
            return
    from rich import box
    from rich.table import Table

    named = any(columns)
    table = Table(
        box=box.SIMPLE_HEAD if named else None,
        title=None if title is None else as_text(title, style="table.title"),
        title_justify="left",
        pad_edge=False,
        show_header=named,
        padding=(0, 1) if width is None else 0,
    )
    for column in columns:
        name, justify = (column, "left") if isinstance(column, str) else column
        table.add_column(
            as_text(name),
            justify="right" if justify == "right" else "left",
            overflow="fold",
            no_wrap=width is not None and justify != "fold",
        )
    for row in rows:
        table.add_row(*map(as_text, row))
    printed = io.StringIO()
    _console(printed, sys.stdout.isatty(), width).print(table)
    streams.write_coloured(printed.getvalue())


_LONG = 200
"""Rows from which a table is laid out here, since rich takes a third of a millisecond for each."""


_NARROW = 8
"""Columns that cells are folded to at least."""


def _long_table(
    columns: Sequence[str | tuple[str, str]], rows: Sequence[Sequence[str]]
) -> list[str] | None:
    """Return the lines of a table as ``print_table`` has them, without trailing spaces.

    The widest columns are folded where the table would be too wide. None if there are too many
    columns for that.
    """
    titles = [column if isinstance(column, str) else column[0] for column in columns]
    right = [not isinstance(column, str) and column[1] == "right" for column in columns]
    cells = [[visible(cell) for cell in row] for row in (titles, *rows)]
    most = _width(sys.stdout.isatty(), None) or shutil.get_terminal_size().columns
    room = most - 3 * (len(titles) - 1) - 2
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    while sum(widths) > room:
        widest = max(widths)
        if widest <= _NARROW:
            return None
        second = max((width for width in widths if width < widest), default=_NARROW)
        share = -(-(sum(widths) - room) // widths.count(widest))
        narrower = max(second, widest - share, _NARROW)
        widths = [narrower if width == widest else width for width in widths]
    head, *body = [_row_lines(row, widths, right) for row in cells]
    rule = " " + "─" * (sum(widths) + 3 * (len(widths) - 1))
    return ["", *head, rule, *(line for lines in body for line in lines), ""]


def _row_lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """Return the lines of a row whose cells are folded to these widths."""
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for parts in zip_longest(*folded, fillvalue=""):
        spaces = [" " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True)]
        cells = [
            space + part if is_right else part + space
            for part, space, is_right in zip(parts, spaces, right, strict=True)
        ]
        lines.append((" " + "   ".join(cells)).rstrip())
    return lines


def _folded(text: str, width: int) -> list[str]:
    """Return the lines of a cell, broken between words where that is possible."""
    if width_of(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if width_of(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def print_columns(lines: Sequence[Sequence[str]], *, gap: int = 2) -> None:
    """Print lines of cells in aligned columns, the first line as a header with a rule below it.

    A line of one cell spans all columns.
    """
    whole = [[visible(cell) for cell in line] for line in lines]
    grid = [line for line in whole if len(line) > 1]
    widths = [max(map(width_of, column)) for column in zip(*grid, strict=True)]
    for number, line in enumerate(whole):
        cells = line
        if len(line) > 1:
            pairs = zip(line, widths, strict=True)
            cells = [cell + " " * (width - width_of(cell)) for cell, width in pairs]
        sys.stdout.write((" " * gap).join(cells).rstrip() + "\n")
        if number == 0:
            sys.stdout.write("─" * (sum(widths) + gap * (len(widths) - 1)) + "\n")


def width_of(text: str) -> int:
    """Return the columns that a text takes on a terminal, as it is printed."""
    from rich.cells import cell_len

    return cell_len(visible(text))


def as_text(text: str, style: str = "") -> Text:
    """Return one escaped line for a table, a progress bar or a status of ``rich``."""
    from rich.text import Text

    return Text(visible(text), style=style)


def status(text: str) -> Status:
    """Return a context manager that shows the current activity on a terminal."""
    return console().status(as_text(text))


def complete_entry(incomplete: str) -> list[str]:
    """Return completions of an entry reference; imports no framework."""
    from zoodiff.api.entries import model_names
    from zoodiff.errors import ZoodiffError

    try:
        if ":" not in incomplete:
            return [f"{name}:" for name in complete_zoo(incomplete)]
        zoo, _, start = incomplete.partition(":")
        return [f"{zoo}:{name}" for name in model_names(zoo) if name.startswith(start)]
    except ZoodiffError:
        return []


def complete_architecture(incomplete: str) -> list[str]:
    """Return completions of an architecture's name."""
    from zoodiff.api.entries import architecture_names

    return [name for name in architecture_names() if name.startswith(incomplete)]


def complete_zoo(incomplete: str) -> list[str]:
    """Return completions of a zoo's name."""
    from zoodiff.api.zoos import zoo_names

    return [name for name in zoo_names() if name.startswith(incomplete)]
