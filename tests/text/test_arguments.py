"""Every hostile text in every argument and option of every command, as a shell's * may put it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.text import harmless, hostile_texts
from support.text.commands import commands, said

REQUIRED = {
    "accuracy": ["no.onnx", "--data", "nowhere"],
    "claims": [],
    "compare": ["no.onnx"],
    "diff": ["no.onnx", "none.onnx"],
    "env create": ["none"],
    "env list": [],
    "env remove": ["none"],
    "example": [],
    "fingerprint": ["no.onnx"],
    "latency": ["no.onnx"],
    "list": [],
    "names": ["resnet50"],
    "report": [],
    "rules": [],
    "run": ["no.toml"],
    "schema": [],
    "show": ["no.onnx"],
    "audit-recipes": [],
    "index": [],
    "index export": ["none.idx"],
    "index import": ["none.idx"],
    "store export": ["none.tar"],
    "store gc": [],
    "store import": ["none.tar"],
    "store verify": [],
    "which": ["resnet50"],
    "zoos": [],
    "zoos add": ["none.toml"],
    "zoos remove": ["none"],
}
"""What each command needs; nothing of it is there, so that no worker starts."""


def parameters() -> Iterator[tuple[str, str, list[str]]]:
    """Every argument and option that takes text: the command, its name, and how it is given."""
    for words, command in commands():
        needed = REQUIRED.get(words, [])
        for one in command.params:
            if getattr(one, "is_flag", False) or one.name == "help":
                continue
            if one.param_type_name == "argument":
                place = [k for k in command.params if k.param_type_name == "argument"].index(one)
                given = [*needed, *[""] * (place + 1 - len(needed))]
                given[place] = "{}"
                yield words, one.name, given
            else:
                yield words, one.name, [*needed, one.opts[0], "{}"]


PARAMETERS = list(parameters())
_SHORT = [text for text in hostile_texts.TEXTS.values() if hostile_texts.is_argument(text)]
ALL = {f"each {k}. of four": " ".join(_SHORT[k::4]) for k in range(4)}
ALL["a million letters"] = hostile_texts.LONG["a million letters"]
"""Several tricks at a time: a command takes a tenth of a second."""


def test_every_command_is_here() -> None:
    assert {words for words, _ in commands()} == set(REQUIRED)
    assert len(PARAMETERS) > 80


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "name", "given"), PARAMETERS, ids=[f"{w} {n}" for w, n, _ in PARAMETERS]
)
def test_no_argument_breaks_a_line_or_the_terminal(words: str, name: str, given: list[str]) -> None:
    for trick, hostile in ALL.items():
        arguments = [one.replace("{}", hostile) for one in given]
        text, code = said([*words.split(), *arguments])
        assert not harmless.problems(text), (trick, text)
        assert code in (0, 1, 2, 3), trick
        assert "unexpected" not in text, (trick, text)
        assert "Traceback" not in text, (trick, text)
