"""The commands of zoodiff, and what one of them says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.testing import CliRunner

from zoodiff.cli.app import app
from zoodiff.cli.failures import explained
from zoodiff.text import visible


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
            return
        for name, one in inner.items():
            yield from below(one, (*words, name))

    yield from below(typer.main.get_command(app), ())


def said(arguments: list[str]) -> tuple[str, int]:
    """What the command says, and its exit code; what ``main`` does with an exception included."""
    done = CliRunner().invoke(app, arguments)
    if done.exception is None or isinstance(done.exception, SystemExit):
        return done.output, done.exit_code
    sentence, code = explained(done.exception)
    return f"{done.output}zoodiff: {visible(sentence)}\n", code
