"""``zoodiff zoos``: which zoos are usable here, and zoos that a TOML file describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.render.console import Json, print_document, print_line, print_table, say

if TYPE_CHECKING:
    from zoodiff.api.zoos import ZoosReport

zoos = typer.Typer(invoke_without_command=True)


@zoos.callback()
def show_zoos(context: typer.Context, json: Json = False) -> None:
    """Show the zoos, their versions, missing packages, and the protections; add and remove zoos."""
    if context.invoked_subcommand is not None:
        return
    from zoodiff.api.zoos import zoos_report

    report = zoos_report()
    if json:
        print_document("zoos", report.to_dict())
    else:
        _print(report)


@zoos.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="The TOML file that describes the zoo.")],
    json: Json = False,
) -> None:
    """Add a zoo that a TOML file describes; edits of the file take effect."""
    from zoodiff.api.zoos import add_zoo

    zoo = add_zoo(file)
    if json:
        print_document("zoos-add", vars(zoo))
        return
    print_line(f"{zoo.zoo} added: {zoo.entries} models, described by {zoo.definition}")
    for sentence in (*zoo.problems, *([zoo.reason] if zoo.reason else [])):
        say(f"zoodiff: {sentence}")


@zoos.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="The zoo's name.")],
    json: Json = False,
) -> None:
    """Forget a zoo that was added; its file is kept."""
    from zoodiff.api.zoos import remove_zoo

    file = remove_zoo(name)
    if json:
        print_document("zoos-remove", {"zoo": name, "definition": file})
    else:
        print_line(f"{name} removed; its file {file} is kept")


def _print(report: ZoosReport) -> None:
    print_table(
        ["zoo", "title", ("models", "right"), "usable", "environment", "versions"],
        [
            [
                zoo.zoo,
                zoo.title,
                str(zoo.entries),
                "yes" if zoo.usable else "no",
                zoo.environment or "shared",
                ", ".join(
                    f"{name} {version or '(missing)'}" for name, version in zoo.versions.items()
                ),
            ]
            for zoo in report.zoos
        ],
    )
    for zoo in report.zoos:
        if zoo.reason:
            print_line(f"{zoo.zoo}: {zoo.reason}")
        if zoo.definition:
            home = f", {zoo.homepage}" if zoo.homepage else ""
            print_line(f"{zoo.zoo} is described by {zoo.definition}{home}")
        for sentence in zoo.problems:
            print_line(sentence)
    for sentence in report.broken.values():
        print_line(sentence)
    print_line()
    print_line(report.sandbox)
    for protection in report.protections:
        state = protection.what if protection.in_force else f"not in force, {protection.reason}"
        print_line(f"  {protection.name}: {state}")
