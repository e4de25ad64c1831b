"""``zoodiff names``: what the networks of a name are in each zoo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, complete_architecture, print_document, say


@dataclass(frozen=True, kw_only=True)
class NamesOptions:
    """The options of ``zoodiff names``."""

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
    all_names: Annotated[bool, typer.Option("--all", help="Also names that one zoo has.")] = False
    build: Annotated[
        bool,
        typer.Option(
            "--build",
            help="Build the missing networks without weights (minutes); goes on where it stopped.",
        ),
    ] = False
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Workers that build at the same time.")
    ] = 2
    all_zoos: Annotated[
        bool,
        typer.Option(
            "--all-zoos", help="A name also counts that only the table of names knows elsewhere."
        ),
    ] = False
    only: Annotated[
        str | None,
        typer.Option("--only", help="Only these names: several (networks), odd, recipes, unbuilt."),
    ] = None
    finding: Annotated[
        str | None, typer.Option("--finding", metavar="CODE", help="Only names with this finding.")
    ] = None
    sort: Annotated[
        str | None,
        typer.Option("--sort", help="Sort by name, networks, recipes, top1, zoos or entries."),
    ] = None
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most names.")] = None
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with a table to sort, filter."),
    ] = None
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write all entries into FILE.")
    ] = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def names(options: NamesOptions) -> None:
    """Group the entries of each name by their network, with recipes, claims and findings.

    Entries with the same letter have the same network, up to biases and batch norms. Networks are
    taken from the cache of graphs; others are "not built". An entry that cannot be built is
    reported, the others go on, and the exit code is 3.
    """
    from zoodiff import api
    from zoodiff.cli.render.names import print_names
    from zoodiff.cli.render.progress import building_progress

    with building_progress() as (begin, done):
        report = api.names(
            options.names or [],
            zoos=[zoo.strip() for zoo in options.zoos.split(",")] if options.zoos else None,
            all_names=options.all_names,
            all_zoos=options.all_zoos,
            build=options.build,
            jobs=options.jobs,
            limits=limits_of(options.worker_seconds, options.worker_memory),
            begin=begin,
            done=done,
        )
    report = report.selected(
        only=options.only, finding=options.finding, sort=options.sort, limit=options.limit
    )
    if options.html is not None:
        options.html.write_text(report.to_html(), encoding="utf-8", errors="replace")
    if options.csv is not None:
        options.csv.write_text(report.to_csv(), encoding="utf-8")
    if options.json:
        print_document("names", report.to_dict())
    else:
        print_names(report, every_finding=bool(options.names))
    for entry, reason in report.failures.items():
        say(f"zoodiff: {entry}: {reason}")
    if report.failures:
        raise typer.Exit(NOT_MEASURED)
