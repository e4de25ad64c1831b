"""``zoodiff schema``: the JSON schemas of what commands print."""

from __future__ import annotations

from typing import Annotated

import typer

from zoodiff.cli.render.console import Json, print_document, print_json, print_line, print_table


def _complete(incomplete: str) -> list[str]:
    from zoodiff.api.json_schemas import json_documents

    names = (document.name for document in json_documents())
    return [name for name in names if name.startswith(incomplete)]


def schema(
    document: Annotated[
        str,
        typer.Argument(
            help="The name of a document, usually its command [default: list them].",
            autocompletion=_complete,
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Print the JSON Schema of what a command prints with --json, or list the schemas."""
    from zoodiff.api.json_schemas import json_documents, json_schema

    if document:
        print_json(json_schema(document))
        return
    if json:
        print_document("schema", [each.to_dict() for each in json_documents()])
        return
    print_table(
        ["document", "schema", "printed by zoodiff"],
        [[each.name, each.label, each.command] for each in json_documents()],
    )
    print_line("zoodiff schema DOCUMENT prints one")
