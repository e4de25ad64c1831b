"""``zoodiff report``: write the report of a run again, without measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.commands.run import Results, report_folder
from zoodiff.cli.render.console import Json, print_json, print_line, say

_SHOWN = 100
"""Runs that are named where another one was asked for."""


def report(
    run: Annotated[
        str | None, typer.Argument(help="The study whose run is meant [default: the latest].")
    ] = None,
    results: Results = "results",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write [default: RESULTS/report/RUN]."),
    ] = None,
    json: Json = False,
) -> None:
    """Write index.html, report.md, discrepancies.csv and discrepancies.json of a run."""
    from zoodiff.entry import did_you_mean
    from zoodiff.errors import UnknownNameError
    from zoodiff.report import write
    from zoodiff.store.folder import Store
    from zoodiff.study.assemble import assemble

    store = Store(results)
    runs = store.runs()
    if not runs:
        raise UnknownNameError(
            f"there is no run in {results}; make one with: zoodiff run quick, "
            "or name another folder with --results"
        )
    name = run or runs[-1]
    manifest = store.read_manifest(name) if name in runs else None
    if manifest is None:
        latest = runs[-_SHOWN:]
        hint = did_you_mean(name, latest) or f"; there are {', '.join(latest)}"
        raise UnknownNameError(f'no run "{name}" in {results}{hint}')
    result = assemble(store, manifest)
    for sentence in store.damaged:
        say(f"zoodiff: {sentence}")
    files = write(result, output or report_folder(results, name))
    if json:
        print_json({kind: str(path) for kind, path in vars(files).items()})
    else:
        print_line(f"report: {files.html}")
