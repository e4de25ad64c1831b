"""What the fault suite runs: two zoos, a study, its data; and how a run of it is started.

A run is the command itself, in a process that was forked from this one once everything is
imported: it can be killed like any other, and starts in no time.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from zoodiff.data.labels import UNKNOWN
from zoodiff.workers.process import worker_environment as _worker_environment
from zoodiff.zoos import registry
from zoodiff.zoos.base import Model, Weights, WorkerSpec

BACKENDS = Path(__file__).resolve().parents[2] / "fakes"
IMAGES = 140
"""Three parts of a pass: two of 64 and a rest."""
STUDY = """\
name = "faults"
title = "Faults"
seed = 0
[architecture]
entries = ["one:small", "one:wide", "two:small", "two:wide", "two:deep"]
[accuracy]
entries = ["one:small", "two:wide", "two:deep"]
data = "images"
[latency]
entries = ["one:small", "two:small"]
processes = 1
rounds = 3
block_seconds = 0.001
"""
TASKS = 8
PAIRS = (
    ("one:small@w1", "one:wide@w1"),
    ("one:small@w1", "two:deep@w1"),
    ("one:wide@w1", "two:deep@w1"),
)
"""Entries whose graphs are compared: the first ones of each of the three graphs."""


@dataclass
class FaultZoo:
    """A catalogue whose backend needs numpy alone."""

    name: str
    title: str = "a zoo for the fault suite"
    listed: bool = True

    @property
    def worker(self) -> WorkerSpec:
        return WorkerSpec(
            name=self.name,
            backend="fault_backend:make",
            confined=False,
            distributions=("numpy",),
        )

    def models(self) -> list[Model]:
        return [
            Model(
                name,
                f"{name}_net",
                weights=(Weights("w1", default=True, parameters=12),),
                labels=UNKNOWN,
                input_shape=(3, 8, 8),
            )
            for name in ("small", "wide", "deep")
        ]


def build(folder: Path) -> Path:
    """Write the study and its images; return the study's file."""
    rng = np.random.default_rng(0)
    for k in range(IMAGES):
        place = folder / "images" / f"{k % 4}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (9, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{k:03d}.png")
    study = folder / "faults.toml"
    study.write_text(STUDY)
    return study


@dataclass
class Run:
    """A run of the study in a process of its own."""

    results: Path
    study: Path
    work: Path
    """Where its log and its report go."""
    name: str = "run"
    patches: list[Callable[[], None]] = field(default_factory=list)
    """What is changed in the process before it begins."""
    options: list[str] = field(default_factory=list)
    pid: int = 0
    code: int | None = None

    @property
    def report(self) -> Path:
        return self.work / f"report-{self.name}"

    @property
    def calls(self) -> Path:
        """What its workers really did."""
        return self.work / f"{self.name}.calls"

    @property
    def log(self) -> Path:
        return self.work / f"{self.name}.log"

    def start(self) -> Run:
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                code = self._inside()
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return self

    def here(self) -> None:
        """Run in this very process, which imports everything that later runs need."""
        self._patch()
        self._command()

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it goes on."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self) -> int:
        if self.code is None:
            _, status = os.waitpid(self.pid, 0)
            self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def _inside(self) -> int:
        os.setsid()
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        faulthandler.enable(log)  # says where a run hangs that is ended
        self._patch()
        self._command()
        return 0

    def _patch(self) -> None:
        from zoodiff.accuracy import sharding
        from zoodiff.workers import process

        (self.work / "scratch").mkdir(exist_ok=True)
        zoos = {"one": FaultZoo("one"), "two": FaultZoo("two")}
        registry._models.cache_clear()
        registry.zoos = lambda: zoos  # type: ignore[assignment]
        process._in_memory = lambda: str(self.work / "scratch")
        calls = str(self.calls)

        def with_backend(*args: object, **kwargs: object) -> dict[str, str]:
            inner = _worker_environment(*args, **kwargs)  # type: ignore[arg-type]
            return inner | {"PYTHONPATH": str(BACKENDS), "FAULT_LOG": calls}

        process.worker_environment = with_backend  # type: ignore[assignment]
        sharding.default_pipelines = lambda: 1
        for patch in self.patches:
            patch()

    def _command(self) -> None:
        from zoodiff.cli import app

        os.environ["ZOODIFF_DEBUG"] = "1"
        sys.argv = [
            *("zoodiff", "run", str(self.study), "--results", str(self.results)),
            *("--report", str(self.report), *self.options),
        ]
        app.main()
