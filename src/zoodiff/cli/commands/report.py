"""``zoodiff report``: write the report of a run again, or compare two runs; measures nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.options import Results
from zoodiff.cli.render.changes import print_changes
from zoodiff.cli.render.console import Json, print_document, print_line, say


def report(
    run: Annotated[
        str | None, typer.Argument(help="The name of the study [default: the latest run].")
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(
            help="A later run, or its results folder: print what changed from RUN to it."
        ),
    ] = None,
    results: Results = "results",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write [default: RESULTS/report/RUN]."),
    ] = None,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Serve the page on 127.0.0.1 instead, anew while the study goes on."
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(help="Port of the served page [default: a free one].", min=0, max=65535)
    ] = 0,
    json: Json = False,
) -> None:
    """Write index.html, report.md, discrepancies.csv and .json, and tables of a run.

    With a second run, print what changed between both, as far as it is more than noise.
    """
    from zoodiff.api import studies

    if run is not None and new is not None:
        changes = studies.compare_runs(run, new, results)
        if json:
            print_document("report-changes", changes.to_dict())
        else:
            print_changes(changes)
        return
    if serve:
        with studies.report_server(run, results, port) as server:
            print_line(f"serving {server.address}; interrupt to stop")
            server.serve_forever()
        return
    stored = studies.read_run(run, results)
    for sentence in stored.damaged:
        say(f"zoodiff: {sentence}")
    folder = output or studies.report_folder(stored.name, results)
    files = studies.write_report(stored.result, folder, results)
    if json:
        print_document("report", {kind: str(path) for kind, path in vars(files).items()})
    else:
        print_line(f"report: {files.html}")
