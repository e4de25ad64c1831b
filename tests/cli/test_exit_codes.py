"""The exit codes of every command, and errors as objects under ``--json``.

The table here is written out by hand, from the documentation: it is not read from the code.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.test_requests import CASES
from support.text.commands import commands, ran
from zoodiff.errors import MeasurementError, UnknownNameError, WorkerError

TABLE = {0: "done", 1: "--fail-on", 2: "usage", 3: "could not be measured", 130: "interrupted"}
BY_COMMAND = {
    words: next(case for case in CASES if " ".join(case.words).startswith(words))
    for words, _ in commands()
}
PRINT_NO_JSON = {"env create", "env remove"}


def test_all_commands_but_two_print_json() -> None:
    options = {words: {one.name for one in command.params} for words, command in commands()}
    assert {words for words, names in options.items() if "json" not in names} == PRINT_NO_JSON


@pytest.mark.parametrize("words", sorted(BY_COMMAND))
@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (UnknownNameError("no such thing"), "unknown name", 2),
        (MeasurementError("it cannot be opened"), "measurement", 3),
        (WorkerError("it died"), "worker", 3),
        (OSError(28, "No space left on device", "x"), "system", 2),
        (AssertionError("a bug"), "bug", 3),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
    ids=lambda value: str(value)[:12],
)
def test_every_command_ends_with_the_code_of_the_table(
    words: str,
    error: BaseException,
    kind: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = BY_COMMAND[words]

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(f"zoodiff.api.{case.asks}", fails)
    ended, _, err = ran([*case.words], monkeypatch)
    assert ended == code
    assert err.splitlines()[-1].startswith("zoodiff: ")
    if words in PRINT_NO_JSON:
        return
    ended, out, err = ran([*case.words, "--json"], monkeypatch)
    said = json.loads(out)["error"]
    assert (ended, said["kind"], said["exit_code"]) == (code, kind, code)
    assert said["message"] in err


@pytest.mark.parametrize("words", sorted(BY_COMMAND))
def test_a_wrong_option_is_usage(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, out, err = ran([*words.split(), "--nonsense", "--json"], monkeypatch)
    assert ended == 2
    assert json.loads(out)["error"]["kind"] == "usage"
    assert "No such option" in err


def test_without_json_standard_output_stays_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, out, err = ran(["show", "nozoo:x"], monkeypatch)
    assert (ended, out) == (2, "")
    assert err.startswith('zoodiff: no zoo "nozoo"')


def test_help_and_documentation_have_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, out, _ = ran(["--help"], monkeypatch)
    page = Path(__file__).parents[2] / "docs" / "commands" / "README.md"
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", page.read_text(), re.MULTILINE))
    assert ended == 0
    assert set(rows) == {str(code) for code in TABLE}
    text = " ".join(out.split())
    for code, meaning in TABLE.items():
        assert meaning in rows[str(code)]
        assert re.search(rf"\b{code} [^;]*{meaning}", text), (code, meaning)
