"""``zoodiff store``: verify, clean up, export and import the results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.options import Results, takes_options
from zoodiff.cli.render.console import Json, print_document, print_line

store = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Verify, clean up, export and import the results folder.",
)


@store.command("verify")
def verify(results: Results = "results", json: Json = False) -> None:
    """Verify every file in the results folder; list damaged, missing and edited ones.

    Changes nothing. The exit code is 3 if there are problems.
    """
    from zoodiff.api.storage import verify_results

    verified = verify_results(results)
    problems = verified.problems
    if json:
        print_document(
            "store-verify",
            {
                "records": verified.records,
                "attachments": verified.attachments,
                "graphs": verified.graphs,
                "runs": verified.runs,
                "problems": [vars(problem) for problem in problems],
            },
        )
    else:
        for problem in problems:
            print_line(f"{problem.fault}: {problem.name}: {problem.why}")
        count = len(problems)
        summary = "all as written" if not count else f"{count} problem{'s' if count > 1 else ''}"
        print_line(
            f"{verified.records} records, {verified.attachments} attachments, "
            f"{verified.graphs} graphs, {verified.runs} runs: {summary}"
        )
    if problems:
        raise typer.Exit(NOT_MEASURED)


@dataclass(frozen=True, kw_only=True)
class CollectOptions:
    """The options of ``zoodiff store gc``."""

    results: Results = "results"
    older: Annotated[
        str, typer.Option("--older-than", help="Age of the files to remove: 90s, 30m, 12h, 7d.")
    ] = "7d"
    unnamed: Annotated[
        bool,
        typer.Option(
            "--unnamed",
            help="Also remove records that no run lists.",
        ),
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be removed.")] = False
    json: Json = False


@store.command("gc")
@takes_options
def collect(options: CollectOptions) -> None:
    """Remove leftovers: temporary files, unfinished checkpoints, damaged files."""
    from zoodiff.api.storage import collect_waste

    gone = collect_waste(
        options.results,
        older=options.older,
        unnamed=options.unnamed,
        dry_run=options.dry_run,
    )
    total = sum(file.bytes for file in gone)
    if options.json:
        files = [vars(file) for file in gone]
        print_document("store-gc", {"dry_run": options.dry_run, "bytes": total, "files": files})
        return
    for why in dict.fromkeys(file.why for file in gone):
        sizes = [file.bytes for file in gone if file.why == why]
        print_line(f"{why}: {len(sizes)} files, {sum(sizes):,} bytes")
    did = "would remove" if options.dry_run else "removed"
    print_line(f"{did} {len(gone)} files, {total:,} bytes")


@store.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, a TAR archive.")],
    results: Results = "results",
    run: Annotated[
        list[str] | None,
        typer.Option("--run", help="Only what this run needs; may be given several times."),
    ] = None,
    json: Json = False,
) -> None:
    """Write the results, or those of some runs, into one file for another machine."""
    from zoodiff.api.storage import export_results

    exported = export_results(file, results, runs=run or ())
    if json:
        print_document("store-export", {"file": str(file), **vars(exported)})
    else:
        print_line(
            f"{exported.records} records, {exported.attachments} attachments, "
            f"{exported.graphs} graphs, {exported.runs} runs, {exported.bytes:,} bytes: {file}"
        )


@store.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that zoodiff store export wrote.")],
    results: Results = "results",
    json: Json = False,
) -> None:
    """Verify a bundle, and add the files that the results folder lacks.

    Nothing is written unless the whole bundle is valid, and no file is replaced.
    """
    from zoodiff.api.storage import import_results

    imported = import_results(file, results)
    if json:
        print_document("store-import", vars(imported))
        return
    print_line(f"{len(imported.new)} files new, {len(imported.known)} known")
    for run in imported.kept:
        print_line(f"the run {run} differs from the one here, which was kept")
