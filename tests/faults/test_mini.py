"""A handful of faults on the installed command and the embedded mini-zoo, real frameworks in it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.faults.checks import (
    by_key,
    comparable_report,
    no_wrong_record,
    nothing_doubled,
    problems,
)

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.torch, pytest.mark.onnx]

COMMAND = shutil.which("zoodiff", path=str(Path(sys.executable).parent)) or "zoodiff"
STUDY = """\
name = "mini"
title = "The mini-zoo, killed now and then"
[architecture]
zoos = ["mini-torch", "mini-onnx"]
architectures = "all"
[accuracy]
data = "digits"
zoos = ["mini-torch", "mini-onnx"]
architectures = "all"
[latency]
zoos = ["mini-torch", "mini-onnx"]
architectures = "all"
processes = 1
rounds = 3
block_seconds = 0.01
"""
FAULTS = 5


def start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A run of the study into a store of its own below the folder."""
    command = [
        *(COMMAND, "run", str(folder / "mini.toml"), "--results", str(folder / name)),
        *("--report", str(folder / f"report-{name}")),
    ]
    log = (folder / f"{name}.log").open("ab")
    return subprocess.Popen(command, stdout=log, stderr=log)


def finish(folder: Path, name: str) -> float:
    """Run to the end; return how long it took."""
    begin = time.monotonic()
    code = start(folder, name).wait(timeout=600)
    assert code == 0, (folder / f"{name}.log").read_text()[-3000:]
    return time.monotonic() - begin


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    folder = tmp_path_factory.mktemp("mini")
    (folder / "mini.toml").write_text(STUDY)
    finish(folder, "warm")  # trains the networks, once
    return folder, finish(folder, "truth")


@pytest.mark.parametrize("seed", range(FAULTS))
def test_a_killed_study_of_real_networks_ends_as_an_undisturbed_one(
    truth: tuple[Path, float], seed: int
) -> None:
    folder, seconds = truth
    rng = random.Random(seed)
    name = f"case-{seed}"
    run = start(folder, name)
    time.sleep(rng.uniform(0, seconds))
    if seed % 2:
        alive = run.poll() is None
        with_workers = psutil.Process(run.pid).children(recursive=True) if alive else []
        for worker in with_workers:
            try:
                worker.kill()
            except psutil.Error:
                continue
        run.wait(timeout=600)
    else:
        if run.poll() is None:
            os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert problems(folder / name) == []
    expected = by_key(folder / "truth")
    no_wrong_record(folder / name, expected)
    finish(folder, name)
    assert problems(folder / name) == []
    nothing_doubled(folder / name)
    no_wrong_record(folder / name, expected)
    assert comparable_report(folder / f"report-{name}") == comparable_report(
        folder / "report-truth"
    )
