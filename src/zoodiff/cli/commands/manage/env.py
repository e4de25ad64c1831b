"""``zoodiff env``: manage the virtual environments that some zoos need."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from zoodiff.cli.render.console import (
    Json,
    as_text,
    console,
    print_document,
    print_line,
    print_table,
    say_progress,
    status,
)

env = typer.Typer(
    no_args_is_help=True, help="Create, list and remove the virtual environments of zoos."
)
Name = Annotated[str, typer.Argument(help="The environment, usually the zoo's name.")]


@env.command("create")
def create(
    name: Name,
    again: Annotated[bool, typer.Option("--again", help="Create it again if it exists.")] = False,
) -> None:
    """Create an environment, unless it is complete and current."""
    from zoodiff.api.zoos import create_environment, find_environment

    megabytes = find_environment(name).environment.megabytes
    size = f", about {megabytes / 1000:.1f} GB" if megabytes else ""
    begin = time.monotonic()
    if console().is_terminal:
        with status(f"making the environment {name}{size}") as shown:
            python = create_environment(
                name,
                again=again,
                say=lambda line: shown.update(as_text(f"{name}{size}: {line[:100]}")),
            )
    else:
        say_progress(f"making the environment {name}{size}; this takes a few minutes")
        python = create_environment(name, again=again)
    say_progress(f"the environment {name} is ready ({time.monotonic() - begin:.0f} s)")
    print_line(str(python))


@env.command("list")
def list_environments(json: Json = False) -> None:
    """List the environments of zoos, and whether they exist."""
    from zoodiff.api.zoos import environments

    states = environments()
    if json:
        print_document("env-list", [state.to_dict() for state in states])
        return
    print_table(
        ["environment", "zoos", "python", "requirements"],
        [
            [
                state.environment.name,
                ", ".join(state.zoos),
                str(state.python or "not made"),
                ", ".join(state.environment.packages),
            ]
            for state in states
        ],
    )


@env.command("remove")
def remove(name: Name) -> None:
    """Delete an environment."""
    from zoodiff.api.zoos import remove_environment

    print_line(f"{name} {'removed' if remove_environment(name) else 'was not there'}")
