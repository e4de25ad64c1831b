"""What the commands share in printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
RESULTS_HELP = (
    "The results folder, or an address such as s3://bucket/study, where records and runs are kept."
)


def console() -> Console:
    """A console on standard output; wide when it is not a terminal, so that nothing is cut."""
    from rich.console import Console

    return Console(
        width=None if sys.stdout.isatty() else 200, soft_wrap=not sys.stdout.isatty(), markup=False
    )


def print_json(value: Any) -> None:
    """Print JSON, readable and complete."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
) -> None:
    """Print a table; a column given as ``(name, "right")`` is aligned to the right."""
    from rich import box
    from rich.table import Table

    named = any(columns)
    table = Table(
        box=box.SIMPLE_HEAD if named else None,
        title=title,
        title_justify="left",
        pad_edge=False,
        show_header=named,
    )
    for column in columns:
        name, justify = (column, "left") if isinstance(column, str) else column
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def say(text: str) -> None:
    """One line for the user on standard error, so that standard output stays a result."""
    print(text, file=sys.stderr)


def millions(number: int | None) -> str:
    """1234567 -> 1.23 M; nothing for None."""
    return "" if number is None else f"{number / 1e6:,.2f} M"


def billions(number: int | None) -> str:
    """1234567890 -> 1.235 G; nothing for None."""
    return "" if number is None else f"{number / 1e9:,.3f} G"


def complete_entry(incomplete: str) -> list[str]:
    """Shell completion of references; never imports a framework."""
    from zoodiff.errors import ZoodiffError
    from zoodiff.zoos import registry

    try:
        if ":" not in incomplete:
            return [f"{name}:" for name in registry.zoos() if name.startswith(incomplete)]
        zoo, _, start = incomplete.partition(":")
        return [f"{zoo}:{name}" for name in registry.models(zoo) if name.startswith(start)]
    except ZoodiffError:
        return []


def complete_architecture(incomplete: str) -> list[str]:
    """Shell completion of architectures."""
    from zoodiff.zoos import registry

    return [name for name in registry.by_architecture() if name.startswith(incomplete)]


def complete_zoo(incomplete: str) -> list[str]:
    """Shell completion of zoos."""
    from zoodiff.zoos import registry

    return [name for name in registry.zoos() if name.startswith(incomplete)]
