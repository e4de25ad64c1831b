"""The exit codes of every command, and errors as objects under ``--json``.

The table here is written out by hand, from the documentation: it is not read from the code.
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest

from cli.test_requests import CASES
from support.onnx_networks import network
from support.text.commands import commands
from zoodiff.cli import app
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


def ran(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command as it is installed."""
    written = [io.BytesIO(), io.BytesIO()]
    monkeypatch.setattr(sys, "argv", ["zoodiff", *words])
    for name, buffer in zip(("stdout", "stderr"), written, strict=True):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(buffer, "utf-8"))
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert isinstance(ended.value.code, int)
    out, err = (buffer.getvalue().decode() for buffer in written)
    return ended.value.code, out, err


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


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Two networks, a third that differs, and files that are there and cannot be opened."""
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(b"\x08nonsense" * 20)
    notes = tmp_path / "notes.keras"
    notes.write_text("not a network")
    networks = {
        "a": network(tmp_path / "a.onnx"),
        "b": network(tmp_path / "b.onnx", seed=1),
        "wide": network(tmp_path / "wide.onnx", kernel=5),
    }
    return {name: str(path) for name, path in networks.items()} | {
        "torn": str(torn),
        "notes": str(notes),
    }


def test_a_file_that_cannot_be_opened_is_3_and_one_that_is_missing_2(
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = ["--results", str(tmp_path / "r")]
    for bad, code in (("torn", 3), ("notes", 3), ("missing.onnx", 2)):
        name = files.get(bad, bad)
        for words in (
            ["show", name],
            ["diff", files["a"], name],
            ["fingerprint", name],
            ["compare", files["a"], name, *results],
            ["latency", name, *results],
            ["accuracy", name, "--data", "digits", "--labels", "digits", *results],
        ):
            ended, out, _ = ran([*words, "--json"], monkeypatch)
            assert ended == code, (words, out)
            json.loads(out)


def test_fail_on_alone_ends_with_1(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["diff", files["a"], files["wide"]]
    assert ran(words, monkeypatch)[0] == 0
    assert ran([*words, "--fail-on", "function"], monkeypatch)[0] == 1


def test_fingerprint_goes_on_past_files_that_cannot_be_opened(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [files[name] for name in ("a", "torn", "notes", "b")]
    ended, out, err = ran(["fingerprint", *names], monkeypatch)
    lines = out.splitlines()
    assert ended == 3
    assert [line.split("  file:")[1] for line in lines] == [files["a"], files["b"]]
    assert len({line.split()[0] for line in lines}) == 1, "weights do not count"
    assert files["torn"] in err and files["notes"] in err
    ended, out, _ = ran(["fingerprint", *names, "--json"], monkeypatch)
    found = json.loads(out)
    kinds = {name: value["error"]["kind"] for name, value in found.items() if "error" in value}
    assert ended == 3
    assert set(kinds.values()) == {"measurement", "unreadable file"}
    assert len(found) == 4


def test_accuracy_measures_the_files_that_can_be_opened(
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [files[name] for name in ("notes", "a", "b", "wide")]
    options = ["--data", "digits", "--labels", "digits", "--limit", "20"]
    results = ["--results", str(tmp_path / "r")]
    ended, out, err = ran(["accuracy", *names, *options, *results, "--json"], monkeypatch)
    found = json.loads(out)
    assert ended == 3
    assert len(found["comparison"]["rows"]) == 3
    assert [failure["entry"] for failure in found["failures"]] == [files["notes"]]
    assert files["notes"] in err


def test_latency_times_the_files_that_can_be_opened(
    files: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [files[name] for name in ("notes", "torn", "a", "b")]
    options = ["--no-why", "--seconds", "0.5", "--processes", "2"]
    results = ["--results", str(tmp_path / "r")]
    ended, out, err = ran(["latency", *names, *options, *results, "--json"], monkeypatch)
    found = json.loads(out)
    assert ended == 3
    assert len(found["pairs"]) == 1
    assert set(found["failures"]) == {files["notes"], f"file:{files['torn']}"}
    assert len(found["controls"]) == 1
    assert files["notes"] in err
