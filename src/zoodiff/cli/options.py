"""Options of commands as dataclasses, converted to Typer parameters.

A command with more than four options takes a frozen dataclass whose fields are the options. Options
that several commands share are here and in ``limits``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from zoodiff.cli.render.console import RESULTS_HELP

Options = TypeVar("Options")


def takes_options(command: Callable[[Options], None]) -> Callable[..., None]:
    """Return a command for Typer, whose parameters are the fields of the options.

    ``command`` has one parameter, annotated with the dataclass of its options. A field is annotated
    like a Typer parameter, ``Annotated[str, typer.Option("--name")]``.
    """
    hints = get_type_hints(command)
    (kind,) = [hint for name, hint in hints.items() if name != "return"]
    annotations = get_type_hints(kind, include_extras=True)

    @functools.wraps(command)
    def called(**values: Any) -> None:
        command(kind(**values))

    signature = inspect.Signature(
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(field),
                annotation=annotations[field.name],
            )
            for field in fields(kind)
        ]
    )
    called.__dict__["__signature__"] = signature
    called.__annotations__ = annotations
    return called


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return inspect.Parameter.empty


Results = Annotated[
    str, typer.Option("--results", help=RESULTS_HELP, envvar="ZOODIFF_RESULTS", show_default=True)
]


def _allow(files: list[Path] | None) -> list[Path]:
    """Permit the code in these files before the command starts its first worker."""
    if files:
        from zoodiff.api.limits import allow_code

        for file in files:
            allow_code(file)
    return files or []


AllowCode = Annotated[
    list[Path] | None,
    typer.Option(
        "--allow-code",
        metavar="FILE",
        help="Let the code in this file run (TorchScript, Keras Lambda layers), or in this folder "
        "with a hubconf.py; once for each content.",
        callback=_allow,
    ),
]
