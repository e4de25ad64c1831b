"""``-v`` says what is done on standard error, and changes nothing on standard output."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.text import harmless, hostile_texts
from zoodiff import activity
from zoodiff.cli.app import _Said
from zoodiff.cli.render.progress import counting


def ran(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoodiff", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_nothing_is_said_without_it(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    activity.note("worker of %s started", "onnx")
    assert activity.timed("onnx", "loading", lambda: 3)() == 3
    assert capsys.readouterr() == ("", "")
    assert not caplog.records


def test_long_work_is_said_with_its_time_and_short_work_is_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [10.0]
    monkeypatch.setattr(activity.time, "monotonic", lambda: now[0])

    def work(seconds: float) -> None:
        now[0] += seconds

    with caplog.at_level(logging.DEBUG, "zoodiff"):
        activity.timed("onnx", "loading a.onnx", lambda: work(1.25))()
        activity.timed("onnx", "timing a.onnx", lambda: work(0.02))()
    assert [record.getMessage() for record in caplog.records] == ["onnx: loading a.onnx, 1.2 s"]


def test_work_that_fails_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ValueError("no")

    with caplog.at_level(logging.DEBUG, "zoodiff"), pytest.raises(ValueError, match="no"):
        activity.timed("onnx", "loading", fails)()


def test_names_in_lines_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    for text in hostile_texts.unicode_texts():
        record = logging.LogRecord("zoodiff", logging.DEBUG, "", 1, "graph of %s", (text,), None)
        _Said().emit(record)
    said = capsys.readouterr()
    assert not said.out
    assert not harmless.problems(said.err)
    assert len(said.err.splitlines()) == len(hostile_texts.unicode_texts())


def test_lines_begin_with_the_time_and_results_stay(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('name = "none"\ntitle = "none"\nquestion = "none?"\n')
    plain = ran("run", "study.toml", "--results", "a", cwd=tmp_path)
    verbose = ran("-q", "-v", "run", "study.toml", "--results", "a", cwd=tmp_path)
    assert verbose.returncode == plain.returncode
    assert verbose.stdout == plain.stdout
    assert "none" in verbose.stderr  # -v wins over -q: progress is shown


@pytest.mark.onnx
def test_workers_and_their_work_are_said(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the onnx extra")
    assert ran("example", cwd=tmp_path).returncode == 0
    quiet = ran("diff", "a.onnx", "b.onnx", "--json", cwd=tmp_path)
    verbose = ran("-v", "diff", "a.onnx", "b.onnx", "--json", cwd=tmp_path)
    assert verbose.stdout == quiet.stdout
    lines = verbose.stderr.splitlines()
    assert all(re.match(r"\[ *\d+\.\d s\] ", line) for line in lines), lines
    assert any(re.search(r"worker of file-onnx started, process \d+", line) for line in lines)
    assert any(re.search(r"file-onnx: .*a\.onnx.*, \d+\.\d s", line) for line in lines)


def test_what_is_tried_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("2 entries", "images") as step:
        step.trying("a.onnx: trying other interpolation")
        step(250, 250)
        step.trying("a.onnx: trying other crop, channel order in 12 preprocessings")
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "a.onnx: trying other interpolation",
        "250 of 250 images",
        "a.onnx: trying other crop, channel order in 12 preprocessings",
    ]
