"""``zoodiff report``: write the report of a run again, or compare two runs; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import Results, takes_options
from zoodiff.cli.render.changes import print_changes
from zoodiff.cli.render.console import Json, print_document, print_line, say


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """The options of ``zoodiff report``."""

    run: Annotated[
        str | None, typer.Argument(help="The name of the study [default: the latest run].")
    ] = None
    new: Annotated[
        str | None,
        typer.Argument(
            help="A later run, or its results folder: print what changed from RUN to it."
        ),
    ] = None
    results: Results = "results"
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write [default: RESULTS/report/RUN]."),
    ] = None
    thumbnails: Annotated[
        int,
        typer.Option(
            "--thumbnails",
            metavar="N",
            min=0,
            max=8,
            help="Images per pair to show small, of those on which entries disagree.",
        ),
    ] = 0
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Serve the page on 127.0.0.1 instead, anew while the study goes on."
        ),
    ] = False
    port: Annotated[
        int,
        typer.Option(
            "--port", help="Port of the served page [default: a free one].", min=0, max=65535
        ),
    ] = 0
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def report(options: ReportOptions) -> None:
    """Write index.html, report.md, discrepancies.csv and .json, and tables of a run.

    With a second run, print what changed between both, as far as it is more than noise.
    """
    from zoodiff.api import studies

    run, results = options.run, options.results
    if run is not None and options.new is not None:
        changes = studies.compare_runs(run, options.new, results)
        if options.json:
            print_document("report-changes", changes.to_dict())
        else:
            print_changes(changes)
        return
    limits = limits_of(options.worker_seconds, options.worker_memory)
    if options.serve:
        with studies.report_server(
            run, results, options.port, thumbnails=options.thumbnails, limits=limits
        ) as server:
            print_line(f"serving {server.address}; interrupt to stop")
            server.serve_forever()
        return
    stored = studies.read_run(run, results)
    for sentence in stored.damaged:
        say(f"zoodiff: {sentence}")
    folder = options.output or studies.report_folder(stored.name, results)
    files = studies.write_report(
        stored.result, folder, results, thumbnails=options.thumbnails, limits=limits
    )
    if options.json:
        print_document("report", {kind: str(path) for kind, path in vars(files).items()})
    else:
        print_line(f"report: {files.html}")
