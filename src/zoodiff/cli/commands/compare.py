"""``zoodiff compare``: how the entries of an architecture, or any entries, differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, Results, takes_options
from zoodiff.cli.render.console import Json, complete_architecture, print_document, say


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """The options of ``zoodiff compare``."""

    names: Annotated[
        list[str],
        typer.Argument(
            metavar="ARCH|ENTRY...",
            help="An architecture (resnet50), or two or more entries (zoo:model, files).",
            autocompletion=complete_architecture,
        ),
    ]
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure latency too, interleaved; takes longer.")
    ] = False
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the files that describing an entry needs.")
    ] = False
    threads: Annotated[int, typer.Option(help="Threads for --latency.", min=1)] = 1
    rounds: Annotated[int, typer.Option(help="Rounds for --latency.", min=3)] = 15
    results: Results = "results"
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def compare(options: CompareOptions) -> None:
    """Compare claims, architecture, preprocessing and, on request, latency, ranked.

    What was measured before is taken from the results folder.
    """
    from zoodiff.api import studies
    from zoodiff.cli.render.progress import progress
    from zoodiff.cli.render.studies import print_result

    request = studies.CompareRequest(
        names=tuple(options.names),
        latency=options.latency,
        download=options.download,
        threads=options.threads,
        rounds=options.rounds,
        results=options.results,
        limits=limits_of(options.worker_seconds, options.worker_memory),
    )
    study_run = studies.compare(request, observe=progress)
    for sentence in study_run.damaged:
        say(f"zoodiff: {sentence}")
    result = study_run.result
    if options.json:
        print_document("compare", result.model_dump(mode="json"))
    else:
        print_result(result)
    if any(not failure.declined for failure in result.failures):
        raise typer.Exit(NOT_MEASURED)
