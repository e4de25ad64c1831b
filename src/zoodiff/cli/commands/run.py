"""``zoodiff run``: work through a study and write its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import RESULTS_HELP, Json, print_json, print_line, say

if TYPE_CHECKING:
    from zoodiff.store.records import Failure
    from zoodiff.study.run import Outcome

Results = Annotated[
    str, typer.Option("--results", help=RESULTS_HELP, envvar="ZOODIFF_RESULTS", show_default=True)
]


def run(
    study: Annotated[
        str, typer.Argument(help="A built-in study (quick, fse2022) or the path of a TOML file.")
    ],
    results: Results = "results",
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder of the report [default: RESULTS/report/STUDY]."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure everything again, whatever is in the store.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Take finished measurements from the store."),
    ] = True,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch files that entries need even to be described."),
    ] = False,
    allow_code: AllowCode = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            help="Tasks done at a time, latency excepted [default: 1; with ray one a processor].",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="What does the tasks: local, or ray for a cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="Address of a Ray cluster [default: one is started for the run]."
        ),
    ] = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Run a study: measure what is missing, then write the report.

    A run that was interrupted continues where it stopped. Exit code 3 where something could not
    be measured; the report lists it with the reason.
    """
    from zoodiff.cli.render.progress import progress
    from zoodiff.engines.choose import Choice
    from zoodiff.report import write
    from zoodiff.store.folder import Store
    from zoodiff.study import config as studies
    from zoodiff.study.assemble import assemble
    from zoodiff.study.run import run as run_study

    loaded = studies.load_study(study)
    if download:
        loaded = studies.with_download(loaded)
    store = Store(results)
    limits = limits_of(worker_seconds, worker_memory)
    choice = Choice(engine, jobs, address, limits)
    with progress(loaded.study.title) as observer:
        outcome = run_study(loaded, store, observer, fresh=fresh or not resume, engine=choice)
    for sentence in outcome.damaged:
        say(f"zoodiff: {sentence}")
    files = write(
        assemble(store, outcome.manifest), report or report_folder(results, loaded.study.name)
    )
    if json:
        print_json(
            {
                "study": loaded.study.name,
                "measured": outcome.measured,
                "reused": outcome.reused,
                "failures": [f.model_dump() for f in outcome.manifest.failures],
                "report": str(files.html),
            }
        )
    else:
        summary(outcome)
        print_line(f"report: {files.html}")
    if any(not failure.declined for failure in outcome.manifest.failures):
        raise typer.Exit(3)


def report_folder(results: str, study: str) -> Path:
    """Where a study's report goes unless the user says otherwise: beside results in a folder."""
    from zoodiff.store.open import is_address

    return Path("report" if is_address(results) else f"{results}/report") / study


def summary(outcome: Outcome) -> None:
    """Print what a run did, one line each."""
    manifest = outcome.manifest
    print_line(
        f"{manifest.study}: {outcome.measured} measurements made, {outcome.reused} taken from the "
        f"store, {len(manifest.failures)} not measured"
    )
    print_failures(manifest.failures, "all in the report")


def print_failures(failures: Sequence[Failure], where: str) -> None:
    """Print up to ten failures, one line each, and where the others are."""
    for failure in failures[:10]:
        print_line(f"  not measured: {failure.kind} of {failure.entry}: {failure.reason}")
    if len(failures) > 10:
        print_line(f"  ... and {len(failures) - 10} more, {where}")
