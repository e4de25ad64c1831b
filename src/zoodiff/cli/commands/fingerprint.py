"""``zoodiff fingerprint``: the hash of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, takes_options
from zoodiff.cli.render.console import Json, complete_entry, print_json, print_line, status


@dataclass(frozen=True, kw_only=True)
class FingerprintOptions:
    """The options of ``zoodiff fingerprint``."""

    entries: Annotated[list[str], typer.Argument(help="Entries.", autocompletion=complete_entry)]
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def fingerprint(options: FingerprintOptions) -> None:
    """Print the hash of each entry's canonical graph, without weights.

    Two entries have one fingerprint exactly where their networks are the same, whatever their
    names, frameworks and the order of their layers.
    """
    from zoodiff.api import entries

    limits = limits_of(options.worker_seconds, options.worker_memory)
    with status("building without weights"):
        by_entry = entries.fingerprints(options.entries, limits=limits)
    if options.json:
        print_json(by_entry)
        return
    for entry, text in by_entry.items():
        print_line(f"{text}  {entry}" if len(by_entry) > 1 else text)
