"""``zoodiff audit-recipes``: what zoos publish, compared in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, complete_architecture, print_document, say

FailOn = Literal["different", "stated"]


@dataclass(frozen=True, kw_only=True)
class AuditRecipesOptions:
    """The options of ``zoodiff audit-recipes``."""

    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names in any zoo's spelling; without them, those that two or more zoos have.",
            autocompletion=complete_architecture,
        ),
    ] = None
    zoos: Annotated[
        str | None, typer.Option("--zoos", help="Only these zoos, separated by commas.")
    ] = None
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", metavar="FOLDER", help="Images to compare on [default: 45 awkward ones]."
        ),
    ] = None
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Recipes or pairs that run at the same time.")
    ] = 2
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all pairs into FILE.")
    ] = None
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            help="End with 1 where recipes of a name differ, or where one is not as stated."
        ),
    ] = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def audit_recipes(options: AuditRecipesOptions) -> None:
    """Run the preprocessings that zoos publish for a name, and compare them in pixels.

    Each zoo's own code prepares the images, and is held against zoodiff's specification and against
    the other zoos. A step is named if its exchange makes the difference vanish. Minutes for all
    names; finished parts are kept, so a stopped audit goes on where it stopped.
    """
    from zoodiff import api
    from zoodiff.cli.render.progress import auditing_progress
    from zoodiff.cli.render.recipes import print_recipes

    with auditing_progress() as step:
        report = api.audit_recipes(
            options.names or [],
            zoos=[zoo.strip() for zoo in options.zoos.split(",")] if options.zoos else None,
            images=options.images,
            jobs=options.jobs,
            limits=limits_of(options.worker_seconds, options.worker_memory),
            step=step,
        )
    if options.csv is not None:
        options.csv.write_text(report.to_csv(), encoding="utf-8")
    if options.json:
        print_document("audit-recipes", report.to_dict())
    else:
        print_recipes(report, every_recipe=bool(options.names))
    for what, reason in report.failures.items():
        say(f"zoodiff: {what}: {reason}")
    code = report.exit_code(options.fail_on)
    if code:
        raise typer.Exit(code)
