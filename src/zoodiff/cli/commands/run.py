"""``zoodiff run``: run a study and write its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, Results, takes_options
from zoodiff.cli.render.console import Json, print_document, print_line, say


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of ``zoodiff run``."""

    study: Annotated[
        str,
        typer.Argument(
            help="A built-in study (quick, fse2022, fse2026) or the path of a TOML file."
        ),
    ]
    results: Results = "results"
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder of the report [default: RESULTS/report/STUDY]."),
    ] = None
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure everything again.")] = False
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Reuse finished measurements."),
    ] = True
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the files that describing an entry needs."),
    ] = False
    allow_code: AllowCode = None
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            help="Parallel tasks, except latency [default: 1; with ray one per processor].",
        ),
    ] = None
    engine: Annotated[
        str, typer.Option("--engine", help="Where tasks run: local, or ray for a cluster.")
    ] = "local"
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="Address of a Ray cluster [default: start one for the run]."
        ),
    ] = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def run(options: RunOptions) -> None:
    """Run a study: make the missing measurements and write the report.

    An interrupted run continues where it stopped. The exit code is 3 if a measurement failed; the
    report lists failed measurements with the reason.
    """
    from zoodiff.api import studies
    from zoodiff.cli.render.progress import progress
    from zoodiff.cli.render.studies import print_run

    request = studies.RunRequest(
        study=options.study,
        results=options.results,
        fresh=options.fresh or not options.resume,
        download=options.download,
        jobs=options.jobs,
        engine=options.engine,
        address=options.address,
        limits=limits_of(options.worker_seconds, options.worker_memory),
    )
    study_run = studies.run(request, observe=progress)
    for sentence in study_run.damaged:
        say(f"zoodiff: {sentence}")
    study = study_run.result.study
    folder = options.report or studies.report_folder(study, options.results)
    files = studies.write_report(study_run.result, folder, options.results)
    if options.json:
        print_document(
            "run",
            {
                "study": study,
                "not_compared": study_run.result.not_compared,
                "measured": study_run.measured,
                "reused": study_run.reused,
                "failures": [failure.model_dump() for failure in study_run.failures],
                "report": str(files.html),
            },
        )
    else:
        print_run(study_run)
        print_line(f"report: {files.html}")
    if not study_run.complete:
        raise typer.Exit(NOT_MEASURED)
