"""Measure a cold start by stage: everything that a fresh process does until its first inference.

Every run is a new process without the compiled code of earlier ones, so only the system's file
cache is warm. Entries take turns in a new random order per round, so that system noise is spread
over all of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.errors import ZoodiffError
from zoodiff.latency.subject import TimedEntry, load_request
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.limits import Limits
from zoodiff.workers.messages import Time

STAGES = ("process", "import", "build", "weights", "compile", "other", "first")
"""The stages in temporal order; their sum is the cold start.

``process``: starting the interpreter and zoodiff's worker loop. ``import``: importing the
framework. ``build``: building the network. ``weights``: reading the weights. ``compile``: tracing,
compiling and planning; for a network that is compiled at its first call, that whole call, so it
includes one inference. ``other``: the rest of loading. ``first``: the first inference after that.
"""
_AT_FIRST_CALL = "at the first call"
_STEADY_CALLS = 5
_SETTLE_MS = 200.0


@dataclass(frozen=True)
class ColdRun:
    """The cold start of one fresh process."""

    seconds: Mapping[str, float]
    """Seconds by stage; see ``STAGES``."""
    second: float
    """Seconds of the second inference."""
    steady: float
    """Seconds of one inference after warm-up, the median of a few."""
    checks: float
    """Seconds in which zoodiff located and hashed files, which the cold start leaves out."""
    peak_before_bytes: int
    """Peak resident memory of the process before anything is loaded."""
    peak_loaded_bytes: int
    peak_run_bytes: int
    """Peak resident memory after inferences at the batch size."""

    @property
    def total(self) -> float:
        """Seconds from the start of the process to the end of the first inference."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Spread:
    """The median, minimum and maximum over several processes."""

    median: float
    least: float
    most: float


@dataclass(frozen=True)
class Cold:
    """The cold start of one entry."""

    name: str
    entry: str
    batch: int
    threads: int
    conditions: Mapping[str, str]
    """Conditions by name, as the worker reported them when it loaded the network."""
    weights_bytes: int | None
    runs: tuple[ColdRun, ...]

    def stage(self, name: str) -> Spread:
        """Return the seconds of a stage over all processes."""
        return _spread([run.seconds.get(name, 0.0) for run in self.runs])

    @property
    def total(self) -> Spread:
        """Seconds from the start of the process to the end of the first inference."""
        return _spread([run.total for run in self.runs])

    @property
    def second(self) -> Spread:
        """Seconds of the second inference."""
        return _spread([run.second for run in self.runs])

    @property
    def steady(self) -> Spread:
        """Seconds of one inference after warm-up."""
        return _spread([run.steady for run in self.runs])

    @property
    def peak_bytes(self) -> tuple[int, int, int]:
        """Median peak resident memory in bytes: before loading, after loading, after running."""
        before, loaded, after = (
            statistics.median_low([getattr(run, field) for run in self.runs])
            for field in ("peak_before_bytes", "peak_loaded_bytes", "peak_run_bytes")
        )
        return before, loaded, after

    @property
    def answers_to_pay(self) -> float:
        """The number of inferences after warm-up that take as long as the cold start."""
        return self.total.median / self.steady.median

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; times in seconds, sizes in bytes."""
        before, loaded, after = self.peak_bytes
        return {
            "name": self.name,
            "entry": self.entry,
            "batch": self.batch,
            "threads": self.threads,
            "conditions": dict(self.conditions),
            "processes": len(self.runs),
            "stages_seconds": {name: vars(self.stage(name)) for name in STAGES},
            "total_seconds": vars(self.total),
            "second_seconds": vars(self.second),
            "steady_seconds": vars(self.steady),
            "checks_seconds": statistics.median(run.checks for run in self.runs),
            "peak_rss_bytes": {"before_loading": before, "loaded": loaded, "after_running": after},
            "weights_bytes": self.weights_bytes,
        }


def measure(
    subjects: Sequence[TimedEntry],
    *,
    processes: int = 5,
    seed: int = 0,
    limits: Limits | None = None,
    seconds: float | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[list[Cold], list[tuple[TimedEntry, str]]]:
    """Start each entry in ``processes`` fresh processes, one at a time.

    Returns the cold starts in the order of the entries, and the entries that failed with the
    reason; a failed entry is not started again. After ``seconds``, no further round starts; the
    first round always runs.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    runs: dict[str, list[ColdRun]] = {subject.name: [] for subject in subjects}
    load_facts: dict[str, tuple[Mapping[str, str], int | None]] = {}
    failures: list[tuple[TimedEntry, str]] = []
    alive = list(subjects)
    begin, done = time.monotonic(), 0
    for _ in range(processes):
        for index in rng.permutation(len(subjects)):
            subject = subjects[index]
            if subject not in alive:
                continue
            try:
                run, conditions, size = _run(subject, seed, limits)
            except ZoodiffError as error:
                failures.append((subject, str(error)))
                alive.remove(subject)
                continue
            runs[subject.name].append(run)
            load_facts[subject.name] = (conditions, size)
            done += 1
            step(done, len(alive) * processes)
        if seconds is not None and time.monotonic() - begin > seconds:
            break
    cold_starts = [
        Cold(
            name=subject.name,
            entry=str(subject.entry.ref),
            batch=subject.conditions.batch,
            threads=subject.conditions.threads,
            conditions=load_facts[subject.name][0],
            weights_bytes=load_facts[subject.name][1],
            runs=tuple(runs[subject.name]),
        )
        for subject in alive
    ]
    return cold_starts, failures


def _run(
    subject: TimedEntry, seed: int, limits: Limits | None
) -> tuple[ColdRun, Mapping[str, str], int | None]:
    """Run one fresh process; return its times, conditions and the size of the weights in bytes."""
    with WorkerClient(
        subject.entry.worker, threads=subject.conditions.threads, limits=limits
    ) as worker:

        def peak() -> int:
            return worker.peak_memory(doing=f"starting a process for {subject.name}")

        def timed(calls: int, settle_ms: float = 0.0) -> list[float]:
            request = Time(subject.name, calls, subject.conditions.batch, seed, settle_ms)
            times = worker.time(request, doing=f"running {subject.name} for the first time")
            return [milliseconds / 1e3 for milliseconds in times]

        began = time.perf_counter()
        before = peak()
        stages = {"process": time.perf_counter() - began}
        worker.forget_compiled(f"starting a process for {subject.name}")
        answer = worker.load(load_request(subject, seed), doing=f"loading {subject.name}")
        parts = dict(answer.stages)
        checks = parts.pop("checks", 0.0)
        loaded = peak()
        compiling = answer.scope.get("compiles", "").startswith(_AT_FIRST_CALL)
        calls = timed(3 if compiling else 2)
        stages |= {name: parts.pop(name, 0.0) for name in STAGES if name not in stages}
        stages["other"] += sum(parts.values())
        if compiling:
            stages["compile"] += calls[0]
        stages["first"] = calls[-2]
        steady = statistics.median(timed(_STEADY_CALLS, _SETTLE_MS))
        after = peak()
        # Measured last, since reading the weights takes memory.
        size = worker.weights_size(subject.name, doing=f"weighing {subject.name}")
    run = ColdRun(stages, calls[-1], steady, checks, before, loaded, after)
    return run, answer.scope, size


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))
