"""The commands of zoodiff, and what one of them says."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from zoodiff.cli import app as installed
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
        if command.invoke_without_command:
            yield " ".join(words), command
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


def ran(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command as it is installed."""
    written = [io.BytesIO(), io.BytesIO()]
    monkeypatch.setattr(sys, "argv", ["zoodiff", *words])
    for name, buffer in zip(("stdout", "stderr"), written, strict=True):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(buffer, "utf-8"))
    with pytest.raises(SystemExit) as ended:
        installed.main()
    assert isinstance(ended.value.code, int)
    out, err = (buffer.getvalue().decode() for buffer in written)
    return ended.value.code, out, err
