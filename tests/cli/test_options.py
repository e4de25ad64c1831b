"""A dataclass of options is to Typer what a function with these parameters is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from zoodiff.cli.options import takes_options

Repeated = Annotated[list[str], typer.Option("--repeat", help="Several.")]


@dataclass(frozen=True, kw_only=True)
class PizzaOptions:
    name: Annotated[str, typer.Argument(help="What it is called.")]
    size: Annotated[int, typer.Option("--size", min=1, help="Centimetres.")] = 30
    repeat: Repeated = field(default_factory=list)
    thin: Annotated[bool, typer.Option("--thin/--thick", help="The crust.")] = True


BAKED: list[PizzaOptions] = []


@takes_options
def by_dataclass(options: PizzaOptions) -> None:
    """Bake one."""
    BAKED.append(options)


def by_parameters(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    size: Annotated[int, typer.Option("--size", min=1, help="Centimetres.")] = 30,
    repeat: Repeated = [],  # noqa: B006 - typer reads the default
    thin: Annotated[bool, typer.Option("--thin/--thick", help="The crust.")] = True,
) -> None:
    """Bake one."""
    BAKED.append(PizzaOptions(name=name, size=size, repeat=repeat, thin=thin))


def said(command: object, *arguments: str) -> tuple[int, str]:
    app = typer.Typer(rich_markup_mode=None)
    app.command("bake")(command)  # type: ignore[arg-type]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"})
    return done.exit_code, done.output


def test_help_and_errors_are_those_of_a_function_with_parameters() -> None:
    for arguments in (["--help"], [], ["a", "--size", "0"], ["a", "--nonsense"], ["a", "b"]):
        assert said(by_dataclass, *arguments) == said(by_parameters, *arguments), arguments


def test_the_command_is_called_with_what_a_function_with_parameters_gets() -> None:
    for arguments in (
        ["margherita"],
        ["margherita", "--size", "40", "--thick", "--repeat", "a", "--repeat", "b"],
    ):
        BAKED.clear()
        assert said(by_dataclass, *arguments)[0] == said(by_parameters, *arguments)[0] == 0
        first, second = BAKED
        assert first == second
    assert second.repeat == ["a", "b"]
    assert not second.thin


def test_a_list_is_fresh_for_every_call() -> None:
    BAKED.clear()
    said(by_dataclass, "a")
    BAKED[0].repeat.append("x")
    said(by_dataclass, "a")
    assert BAKED[1].repeat == []
