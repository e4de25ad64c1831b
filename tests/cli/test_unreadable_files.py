"""Files that are there and cannot be opened: the others are measured, and the exit code is 3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from support.onnx_networks import network
from support.text.commands import ran

pytestmark = pytest.mark.onnx


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
