"""``zoodiff fingerprint``: the hash of an architecture."""

from __future__ import annotations

from typing import Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import Json, complete_entry, print_json, print_line, status


def fingerprint(
    entries: Annotated[list[str], typer.Argument(help="Entries.", autocompletion=complete_entry)],
    allow_code: AllowCode = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Print the hash of each entry's canonical graph, without weights.

    Two entries have one fingerprint exactly where their networks are the same, whatever their
    names, frameworks and the order of their layers.
    """
    from zoodiff import api

    with status("building without weights"):
        found = api.fingerprints(entries, limits=limits_of(worker_seconds, worker_memory))
    if json:
        print_json(found)
        return
    for entry, text in found.items():
        print_line(f"{text}  {entry}" if len(found) > 1 else text)
