"""``zoodiff store``: verify, tidy up, and move results between machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.commands.run import Results
from zoodiff.cli.render.console import Json, print_json, print_line

if TYPE_CHECKING:
    from zoodiff.store.folder import Store

store = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Verify, tidy up, export and import the results folder.",
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@store.command("verify")
def verify_results(results: Results = "results", json: Json = False) -> None:
    """Read everything in the results folder and name what is damaged, missing or edited.

    Changes nothing. Exit code 1 where anything is.
    """
    from zoodiff.store.verify import verify

    found = verify(_there(results).files)
    if json:
        print_json(
            {
                "records": found.records,
                "attachments": found.attachments,
                "runs": found.runs,
                "problems": [vars(one) for one in found.problems],
            }
        )
    else:
        for one in found.problems:
            print_line(f"{one.fault}: {one.name}: {one.why}")
        count = len(found.problems)
        said = "all as written" if not count else f"{count} problem{'s' if count > 1 else ''}"
        print_line(
            f"{found.records} records, {found.attachments} attachments, {found.runs} runs: {said}"
        )
    if found.problems:
        raise typer.Exit(1)


@store.command("gc")
def collect(
    results: Results = "results",
    older: Annotated[
        str, typer.Option("--older-than", help="Age from which things go: 90s, 30m, 12h, 7d.")
    ] = "7d",
    unnamed: Annotated[
        bool,
        typer.Option(
            "--unnamed",
            help="Also remove records that no run names: replaced ones, and those of commands.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go.")] = False,
    json: Json = False,
) -> None:
    """Remove what no run needs: temporary files, unfinished parts, what was set aside."""
    from zoodiff.store.collect import remove, total, waste

    place = _there(results)
    found = waste(place, older=_seconds(older), unnamed=unnamed)
    gone = found if dry_run else remove(place, found)
    if json:
        files = [vars(one) for one in gone]
        print_json({"dry_run": dry_run, "bytes": total(gone), "files": files})
        return
    for why in dict.fromkeys(one.why for one in gone):
        some = [one for one in gone if one.why == why]
        print_line(f"{why}: {len(some)} files, {total(some):,} bytes")
    print_line(
        f"{'would remove' if dry_run else 'removed'} {len(gone)} files, {total(gone):,} bytes"
    )


@store.command("export")
def export_results(
    file: Annotated[Path, typer.Argument(help="The file to write, a TAR archive.")],
    results: Results = "results",
    run: Annotated[
        list[str] | None,
        typer.Option("--run", help="Only what this run needs; may be given several times."),
    ] = None,
    json: Json = False,
) -> None:
    """Write the results, or those of some runs, into one file for another machine."""
    from zoodiff.store.bundle import write_bundle

    made = write_bundle(_there(results), file, run or None)
    if json:
        print_json({"file": str(file), **vars(made)})
    else:
        print_line(
            f"{made.records} records, {made.attachments} attachments, {made.runs} runs, "
            f"{made.bytes:,} bytes: {file}"
        )


@store.command("import")
def import_results(
    file: Annotated[Path, typer.Argument(help="A file that zoodiff store export wrote.")],
    results: Results = "results",
    json: Json = False,
) -> None:
    """Verify a file of results, and add what the results folder does not have.

    Nothing is written unless all of the file is sound, and nothing is ever replaced.
    """
    from zoodiff.store.bundle import read_bundle
    from zoodiff.store.folder import Store

    found = read_bundle(Store(results), file)
    if json:
        print_json({"new": found.new, "known": found.known, "kept": found.kept})
        return
    print_line(f"{len(found.new)} files new, {len(found.known)} known")
    for run in found.kept:
        print_line(f"the run {run} here is another one, and was kept")


def _there(results: str) -> Store:
    """The store, which must be one; raise UsageError otherwise."""
    from zoodiff.errors import StoreError, UsageError
    from zoodiff.store.collect import is_empty
    from zoodiff.store.folder import Store

    found = Store(results)
    try:
        empty = is_empty(found.files)
    except OSError as error:
        raise StoreError(f"cannot read the results in {results} ({error})") from None
    if empty:
        raise UsageError(f"there are no results in {results}; name the folder with --results")
    return found


def _seconds(age: str) -> float:
    from zoodiff.errors import UsageError

    match = re.fullmatch(r"(\d{1,9})([smhd])", age)
    if match is None:
        raise UsageError(f'"{age}" is no age; write 90s, 30m, 12h or 7d')
    return float(int(match[1]) * _UNITS[match[2]])
