"""Measure a cold start by stage: everything that a fresh process does until its first answer.

Every run is a process of its own, which finds nothing that an earlier one compiled, so nothing is
warm but the system's cache of files. Entries
take turns in an order drawn afresh, so that a busy minute does not fall on one of them.
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
"""In the order in which they pass; together they are the cold start.

``process``: the interpreter and zoodiff's own worker loop. ``import``: the framework. ``weights``:
reading them. ``compile``: tracing, compiling, planning; for a network that is compiled at its first
call, that call, so it holds one inference too. ``other``: the rest of loading. ``first``: the first
inference after that.
"""
_AT_FIRST_CALL = "at the first call"
_STEADY_CALLS = 5
_SETTLE_MS = 200.0


@dataclass(frozen=True)
class ColdRun:
    """One fresh process."""

    seconds: Mapping[str, float]
    """By stage; see ``STAGES``."""
    second: float
    """Seconds of the second inference."""
    steady: float
    """Seconds of one inference once warm, the median of a few."""
    checks: float
    """Seconds in which zoodiff found and hashed files; no part of the cold start."""
    peak_before_bytes: int
    """Peak resident memory of the process before anything is loaded."""
    peak_loaded_bytes: int
    peak_run_bytes: int
    """After inferences at the batch size."""

    @property
    def total(self) -> float:
        """Seconds from nothing to the first answer."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Spread:
    """The median of several processes, and the least and the most of them."""

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
    """What is measured, as loading tells it."""
    weights_bytes: int | None
    runs: tuple[ColdRun, ...]

    def stage(self, name: str) -> Spread:
        """Seconds of a stage over all processes."""
        return _spread([run.seconds.get(name, 0.0) for run in self.runs])

    @property
    def total(self) -> Spread:
        """Seconds from nothing to the first answer."""
        return _spread([run.total for run in self.runs])

    @property
    def second(self) -> Spread:
        """Seconds of the second inference."""
        return _spread([run.second for run in self.runs])

    @property
    def steady(self) -> Spread:
        """Seconds of one inference once warm."""
        return _spread([run.steady for run in self.runs])

    @property
    def peak_bytes(self) -> tuple[int, int, int]:
        """Medians of peak resident memory: before loading, after loading, after running."""
        before, loaded, run = (
            statistics.median_low([getattr(one, field) for one in self.runs])
            for field in ("peak_before_bytes", "peak_loaded_bytes", "peak_run_bytes")
        )
        return before, loaded, run

    @property
    def answers_to_pay(self) -> float:
        """How many steady inferences take as long as the cold start."""
        return self.total.median / self.steady.median

    def to_dict(self) -> dict[str, Any]:
        """Plain values; seconds and bytes."""
        before, loaded, run = self.peak_bytes
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
            "checks_seconds": statistics.median(one.checks for one in self.runs),
            "peak_rss_bytes": {"before_loading": before, "loaded": loaded, "after_running": run},
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

    Returns the cold starts, in the order of the entries, and those that failed with their
    reason, after which no further process of them is started. ``seconds`` ends the measurement
    after a round that goes beyond it, never before every entry has run once.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    runs: dict[str, list[ColdRun]] = {one.name: [] for one in subjects}
    told: dict[str, tuple[Mapping[str, str], int | None]] = {}
    failures: list[tuple[TimedEntry, str]] = []
    alive = list(subjects)
    begin, done = time.monotonic(), 0
    for _ in range(processes):
        for index in rng.permutation(len(subjects)):
            one = subjects[index]
            if one not in alive:
                continue
            try:
                run, conditions, size = _run(one, seed, limits)
            except ZoodiffError as error:
                failures.append((one, str(error)))
                alive.remove(one)
                continue
            runs[one.name].append(run)
            told[one.name] = (conditions, size)
            done += 1
            step(done, len(alive) * processes)
        if seconds is not None and time.monotonic() - begin > seconds:
            break
    found = [
        Cold(
            name=one.name,
            entry=str(one.entry.ref),
            batch=one.conditions.batch,
            threads=one.conditions.threads,
            conditions=told[one.name][0],
            weights_bytes=told[one.name][1],
            runs=tuple(runs[one.name]),
        )
        for one in alive
    ]
    return found, failures


def _run(
    one: TimedEntry, seed: int, limits: Limits | None
) -> tuple[ColdRun, Mapping[str, str], int | None]:
    """One fresh process; its times, its conditions and the bytes of the weights."""
    with WorkerClient(one.entry.worker, threads=one.conditions.threads, limits=limits) as worker:

        def peak() -> int:
            return worker.peak_memory(doing=f"starting a process for {one.name}")

        def timed(calls: int, settle_ms: float = 0.0) -> list[float]:
            request = Time(one.name, calls, one.conditions.batch, seed, settle_ms)
            times = worker.time(request, doing=f"running {one.name} for the first time")
            return [milliseconds / 1e3 for milliseconds in times]

        began = time.perf_counter()
        before = peak()
        stages = {"process": time.perf_counter() - began}
        worker.forget_compiled(f"starting a process for {one.name}")
        answer = worker.load(load_request(one, seed), doing=f"loading {one.name}")
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
        # Last, since reading the weights takes memory.
        size = worker.weights_size(one.name, doing=f"weighing {one.name}")
    run = ColdRun(stages, calls[-1], steady, checks, before, loaded, after)
    return run, answer.scope, size


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))
