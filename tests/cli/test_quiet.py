"""``-q`` shows results and errors, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import zoodiff


def ran(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoodiff", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_quiet_leaves_results_and_errors(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('name = "none"\ntitle = "none"\nquestion = "none?"\n')
    loud = ran("run", "study.toml", "--results", "loud", cwd=tmp_path)
    quiet = ran("-q", "run", "study.toml", "--results", "quiet", cwd=tmp_path)
    assert loud.returncode == quiet.returncode
    assert quiet.stdout == loud.stdout.replace("loud", "quiet")
    assert len(quiet.stderr) <= len(loud.stderr)
    failed = ran("-q", "show", "none.onnx", cwd=tmp_path)
    assert failed.stderr.startswith("zoodiff: ")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    said = ran("--version", cwd=tmp_path)
    assert said.stdout == f"zoodiff {zoodiff.__version__}\n"
