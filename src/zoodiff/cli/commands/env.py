"""``zoodiff env``: virtual environments of the zoos that need one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.render.console import (
    Json,
    as_text,
    console,
    print_json,
    print_line,
    print_table,
    say,
    status,
)

if TYPE_CHECKING:
    from zoodiff.zoos.base import Environment

env = typer.Typer(
    no_args_is_help=True, help="Make, list and remove the zoos' own virtual environments."
)
Name = Annotated[str, typer.Argument(help="The environment, usually the zoo's name.")]


@env.command("create")
def create(
    name: Name,
    again: Annotated[bool, typer.Option("--again", help="Make it anew if it is there.")] = False,
) -> None:
    """Make an environment; one that is finished and up to date is kept."""
    import time

    from zoodiff.workers import environments

    wanted = _environment(name)
    size = f", about {wanted.megabytes / 1000:.1f} GB" if wanted.megabytes else ""
    begin = time.monotonic()
    if console().is_terminal:
        with status(f"making the environment {name}{size}") as shown:
            python = environments.create(
                wanted,
                lambda line: shown.update(as_text(f"{name}{size}: {line[:100]}")),
                again=again,
            )
    else:
        say(f"making the environment {name}{size}; this takes a few minutes")
        python = environments.create(wanted, lambda _line: None, again=again)
    say(f"the environment {name} is ready ({time.monotonic() - begin:.0f} s)")
    print_line(str(python))


@env.command("list")
def list_environments(json: Json = False) -> None:
    """List the environments that zoos ask for, and whether they are made."""
    from zoodiff.workers import environments

    rows = [
        {
            "environment": e.name,
            "zoos": zoos,
            "python": str(environments.interpreter(e.name) or ""),
            "requirements": list(e.requirements),
        }
        for e, zoos in _environments().values()
    ]
    if json:
        print_json(rows)
        return
    print_table(
        ["environment", "zoos", "python", "requirements"],
        [
            [
                str(row["environment"]),
                ", ".join(row["zoos"]),
                str(row["python"]) or "not made",
                ", ".join(row["requirements"]),
            ]
            for row in rows
        ],
    )


@env.command("remove")
def remove(name: Name) -> None:
    """Delete an environment."""
    from zoodiff.workers import environments

    wanted = _environment(name)
    there = environments.remove(wanted.name)
    print_line(f"{name} {'removed' if there else 'was not there'}")


def _environments() -> dict[str, tuple[Environment, list[str]]]:
    from zoodiff.zoos import registry

    found: dict[str, tuple[Environment, list[str]]] = {}
    for zoo in registry.zoos().values():
        if zoo.worker.environment is not None:
            found.setdefault(zoo.worker.environment.name, (zoo.worker.environment, []))[1].append(
                zoo.name
            )
    return found


def _environment(name: str) -> Environment:
    from zoodiff.entry import did_you_mean
    from zoodiff.errors import UnknownNameError

    known = _environments()
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
        raise UnknownNameError(f'no zoo has an environment "{name}"{hint}')
    return known[name][0]
