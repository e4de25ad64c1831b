"""What keeps the tiers of the tests apart, and what writes how long they take."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from support import durations, tiers
from support.frameworkless import refusing

REPOSITORY = Path(__file__).resolve().parents[1]
MAKEFILE = REPOSITORY / "Makefile"
FOLDER = Path(refusing.__file__).parent
HEAVY = ["torch", "tensorflow", "onnxruntime"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    """An interpreter that refuses frameworks."""
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=os.environ | {"PYTHONPATH": str(FOLDER)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_framework_is_found_and_not_imported() -> None:
    done = python(
        "import importlib.util, sys\n"
        f"names = [n for n in {HEAVY} if importlib.util.find_spec(n)]\n"
        "for name in names:\n"
        "    try:\n"
        "        __import__(name)\n"
        "    except ImportError:\n"
        "        raise SystemExit('it would be skipped')\n"
        "    except RuntimeError as error:\n"
        f"        assert {refusing.SAYS!r} in str(error)\n"
        "    assert name not in sys.modules\n"
        "print(names)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([name for name in HEAVY if importlib.util.find_spec(name)])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the torch extra")
def test_a_worker_refuses_frameworks_too() -> None:
    """Of an interpreter that a test starts; its workers see no environment variable."""
    done = python(
        "from zoodiff.workers import process\n"
        "from zoodiff.errors import WorkerError, ZoodiffError\n"
        "from zoodiff.zoos.base import WorkerSpec\n"
        "spec = WorkerSpec(name='x', backend='torch:nothing', confined=False, distributions=())\n"
        "with process.Worker(spec) as worker:\n"
        "    try:\n"
        "        worker.call('models', doing='importing')\n"
        "    except ZoodiffError as error:\n"
        "        print(error)\n"
    )
    assert refusing.SAYS in done.stdout, done.stdout + done.stderr


def test_a_test_that_swallows_the_refusal_fails(request: pytest.FixtureRequest) -> None:
    refusing.refused.append("torch")
    with pytest.raises(pytest.fail.Exception, match="torch is imported by a test without a marker"):
        tiers.pytest_runtest_teardown(request.node)
    tiers.pytest_runtest_teardown(request.node)  # the next one is not blamed


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("import torch", True),
        ("from onnx import helper", True),
        ("import keras.layers as l", True),
        ("import pytest\nort = pytest.importorskip('onnxruntime')", True),
        ("if True:\n    import tensorflow", True),
        ("import numpy", False),
        ("def test_a():\n    import torch", False),
        ("class Test:\n    def test_a(self):\n        import torch", False),
        ("import onnxish", False),
    ],
)
def test_a_file_that_imports_a_framework_is_told(text: str, needed: bool, tmp_path: Path) -> None:
    path = tmp_path / "test_a.py"
    path.write_text(text)
    assert tiers.needs_framework(path) is needed


def test_every_marker_of_a_framework_has_a_tier() -> None:
    settings = (REPOSITORY / "pyproject.toml").read_text()
    declared = set(re.findall(r'^    "(\w+): ', settings, re.MULTILINE))
    placed = {marker for markers in tiers.TIERS.values() for marker in markers}
    assert declared - placed == {"slow"}
    assert placed <= declared


def test_make_runs_every_tier_after_the_first() -> None:
    (line,) = re.findall(r"^TIERS := (.*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert [tiers.FIRST, *line.split()] == list(tiers.TIERS)


def test_the_command_of_make_is_read_where_the_durations_are_there_already(tmp_path: Path) -> None:
    """Else pytest takes the file for tests and reads no conftest, so knows no such option."""
    kept = tmp_path / "durations.tsv"
    kept.touch()
    commands = re.findall(r"python -m pytest (.*DURATIONS\)) ", MAKEFILE.read_text())
    assert len(commands) == 2
    for command in commands:
        options = command.replace("$$tier", "onnx").replace("$(DURATIONS)", str(kept)).split()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "--markers"],
            check=False,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr


def test_durations_are_written_and_read(tmp_path: Path) -> None:
    rows = {
        ("check", "tests/test_a.py"): durations.Duration(1.5, 1.0, 3),
        ("check", "tests/test_b.py"): durations.Duration(20.0, 4.0, 1),
        ("onnx", "tests/test_a.py"): durations.Duration(2.0, 2.0, 2),
    }
    durations.write(tmp_path / "d.tsv", rows)
    assert durations.read(tmp_path / "d.tsv") == rows
    files = [line.split("\t")[1] for line in (tmp_path / "d.tsv").read_text().splitlines()[1:]]
    assert files == ["tests/test_b.py", "tests/test_a.py", "tests/test_a.py"]
    assert durations.read(tmp_path / "none.tsv") == {}


def test_only_rows_of_the_tier_are_replaced_and_only_by_a_run_that_passed(tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    other = {("onnx", "tests/test_a.py"): durations.Duration(2.0, 2.0, 2)}
    durations.write(path, other | {("check", "tests/gone.py"): durations.Duration(1.0, 1.0, 1)})
    kept = path.read_text()
    collector = durations._Collector(path, "check")
    report = pytest.TestReport(
        "tests/test_b.py::test", ("", 0, ""), {}, "passed", None, "setup", duration=0.5
    )
    report.processor = 0.25  # type: ignore[attr-defined]
    collector.pytest_runtest_logreport(report)
    collector.pytest_sessionfinish(1)
    assert path.read_text() == kept
    collector.pytest_sessionfinish(0)
    mine = {("check", "tests/test_b.py"): durations.Duration(0.5, 0.2, 1)}
    assert durations.read(path) == other | mine


def test_what_got_slower_is_named() -> None:
    slower = runpy.run_path(str(REPOSITORY / "tools" / "compare_durations.py"))["slower"]
    kept = {("check", "a"): (9.0, 4.0), ("check", "b"): (9.0, 40.0), ("check", "c"): (1.0, 0.1)}
    new = {
        ("check", "a"): (9.0, 7.0),
        ("check", "b"): (9.0, 45.0),
        ("check", "c"): (9.0, 1.5),
        ("check", "new"): (9.0, 8.0),
    }
    assert slower(kept, new) == [("check", "new", 0.0, 8.0), ("check", "a", 4.0, 7.0)]
