"""``zoodiff fingerprint``: the hash of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, takes_options
from zoodiff.cli.render.console import (
    Json,
    complete_entry,
    error_object,
    print_document,
    print_line,
    say,
    status,
)
from zoodiff.errors import ZoodiffError


@dataclass(frozen=True, kw_only=True)
class FingerprintOptions:
    """The options of ``zoodiff fingerprint``."""

    entries: Annotated[list[str], typer.Argument(help="Entries.", autocompletion=complete_entry)]
    structure: Annotated[
        bool,
        typer.Option("--structure", help="Print the hash that a network shares with its exports."),
    ] = False
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def fingerprint(options: FingerprintOptions) -> None:
    """Print the hash of each entry's canonical graph, without weights.

    Two entries have the same fingerprint exactly if their networks are the same, whatever their
    names, frameworks and order of layers. An entry that cannot be built is reported, the others go
    on, and the exit code is 3.
    """
    from zoodiff.api import entries

    limits = limits_of(options.worker_seconds, options.worker_memory)
    several = len(options.entries) > 1
    failures: dict[str, ZoodiffError] = {}
    with status("building without weights"):
        by_entry = entries.fingerprints(
            options.entries,
            structure=options.structure,
            limits=limits,
            failed=failures.__setitem__ if several else None,
        )
    if options.json:
        errors = {
            entry: error_object(error.kind, str(error), error.exit_code)
            for entry, error in failures.items()
        }
        print_document("fingerprint", {**by_entry, **errors})
    else:
        for entry, text in by_entry.items():
            print_line(f"{text}  {entry}" if several else text)
    for entry, error in failures.items():
        say(f"zoodiff: {entry}: {error}")
    if failures:
        raise typer.Exit(NOT_MEASURED)
