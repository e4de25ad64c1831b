"""``zoodiff index``: what the cache of graphs holds, and its exchange as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.render.console import (
    Json,
    columns_available,
    print_document,
    print_line,
    print_table,
)

index = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Show, export and import the graphs that zoodiff has built.",
)


@index.callback()
def summary(context: typer.Context, json: Json = False) -> None:
    """Show, export and import the graphs that zoodiff has built.

    Without a command: the number of graphs by zoo and versions, and their size.
    """
    if context.invoked_subcommand is not None:
        return
    from zoodiff.api.index import index_summary

    held = index_summary()
    if json:
        print_document("index", held.to_dict())
        return
    rows = [
        [zoo.zoo, f"{zoo.graphs:,}", f"{zoo.usable:,}", f"{zoo.bytes / 1e6:.1f}", zoo.versions]
        for zoo in held.zoos
    ]
    if rows:
        right = [(name, "right") for name in ("graphs", "usable", "MB")]
        print_table(["zoo", *right, ("versions", "fold")], rows, width=columns_available())
    print_line(f"{held.graphs:,} graphs, {held.bytes / 1e6:.1f} MB in {held.folder}")
    if held.damaged:
        print_line(f"{held.damaged:,} damaged; they are built again when they are needed")
    if any(zoo.usable < zoo.graphs for zoo in held.zoos):
        print_line("Not usable: made by other versions, or of entries that are not installed here.")


@index.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    zoo: Annotated[
        list[str] | None, typer.Option("--zoo", help="Only graphs of this zoo (repeat).")
    ] = None,
    json: Json = False,
) -> None:
    """Write the graphs with their fingerprints and counts into one file, for another machine."""
    from zoodiff.api.index import export_index

    exported = export_index(file, zoos=zoo or ())
    if json:
        print_document("index-export", {"file": str(file), **vars(exported)})
    else:
        print_line(f"{exported.graphs:,} graphs, {exported.bytes:,} bytes: {file}")


@index.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that zoodiff index export wrote.")],
    check_all: Annotated[
        bool,
        typer.Option(
            "--check-all", help="Compute all fingerprints again, not those of some graphs (slow)."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Check a file of graphs, and add those that are missing here.

    Nothing is added unless the whole file is valid. If it is interrupted, the next import goes on
    where it stopped.
    """
    from zoodiff.api.index import import_index

    imported = import_index(file, check_all=check_all)
    if json:
        print_document("index-import", vars(imported))
    else:
        print_line(
            f"{imported.new:,} graphs new, {imported.known:,} known; {imported.usable:,} of them "
            "usable with the versions here"
        )
