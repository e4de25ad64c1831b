"""``zoodiff show``: the facts of one entry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, takes_options
from zoodiff.cli.render.console import Json, complete_entry, print_document, status


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """The options of ``zoodiff show``."""

    entry: Annotated[
        str,
        typer.Argument(
            help="zoo:model, zoo:model@weights or a file.", autocompletion=complete_entry
        ),
    ]
    layers: Annotated[bool, typer.Option("--layers", help="Print the layer table too.")] = False
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Write the canonical graph too: .json, .onnx (no weights, for viewers) or .dot.",
        ),
    ] = None
    catalogue_only: Annotated[
        bool,
        typer.Option("--catalogue-only", help="Show facts of the catalogue only."),
    ] = False
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def show(options: ShowOptions) -> None:
    """Show an entry's counts, preprocessing, labels, weights and claims."""
    from zoodiff.api import entries
    from zoodiff.cli.render.entries import print_facts

    entry = entries.resolve(options.entry)
    if options.catalogue_only:
        facts = entries.entry_facts(entry, catalogue_only=True)
    else:
        with status(f"building {entry.ref} without weights"):
            facts = entries.entry_facts(
                entry,
                save=options.save,
                limits=limits_of(options.worker_seconds, options.worker_memory),
            )
    if options.json:
        print_document("show", facts.to_dict(layers=options.layers))
    else:
        print_facts(facts, layers=options.layers)
