"""Latency: many short blocks in random order, entries interleaved, with an A/A control.

Only one worker computes at a time. Within a round every entry gets one block, in an order drawn
afresh, so that drift and neighbours hit all alike; ratios are later formed within rounds. The
first entry is loaded a second time in a process of its own: the ratio of the two copies shows
how far apart equal things come out in this very run.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoodiff.engines.local import LocalEngine
from zoodiff.errors import ZoodiffError
from zoodiff.measure.common import hardware, now
from zoodiff.measure.plan import Task
from zoodiff.stats import intervals
from zoodiff.store.records import Failure, Interval, LatencyValues, Record, WeightsInfo
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from zoodiff.workers.process import Worker

_WARM_UP_CALLS = 3
_MAX_CALLS_A_BLOCK = 200


@dataclass
class _Runner:
    """One loaded copy of an entry."""

    entry: Entry
    repeat: int
    worker: Worker
    seed: int
    batch: int
    generation: int = -1
    calls: int = 1
    state: str = ""
    sha256: str | None = None
    input_shape: list[int] = field(default_factory=list)
    rounds: dict[int, list[float]] = field(default_factory=dict)

    @property
    def handle(self) -> str:
        return f"{self.entry.ref}#{self.repeat}"

    def load(self) -> None:
        loaded = self.worker.call(
            "load",
            doing=f"loading {self.entry.ref}",
            handle=self.handle,
            model=self.entry.model.name,
            weights=self.entry.weights_name,
            seed=self.seed,
            threads=self.worker.threads,
        )
        self.generation = self.worker.generation
        self.state, self.sha256 = loaded["weights_state"], loaded["weights_sha256"]
        self.input_shape = sorted(loaded["input_shape"][1:])
        self.block(_WARM_UP_CALLS)

    def block(self, calls: int) -> list[float]:
        answer = self.worker.call(
            "time",
            doing=f"timing {self.entry.ref}",
            handle=self.handle,
            calls=calls,
            batch=self.batch,
            seed=self.seed,
        )
        return [float(value) for value in answer["milliseconds"]]

    def unload(self) -> None:
        """Free the network, so that the next architecture has the memory."""
        if self.worker.holds(self.generation):
            with contextlib.suppress(ZoodiffError):
                self.worker.call("unload", doing=f"unloading {self.entry.ref}", handle=self.handle)

    def calibrate(self, block_seconds: float) -> None:
        typical = statistics.median(self.block(_WARM_UP_CALLS))
        wanted = math.ceil(block_seconds * 1000 / max(typical, 1e-3))
        self.calls = min(max(wanted, 1), _MAX_CALLS_A_BLOCK)

    def measure(self, number: int) -> None:
        if not self.worker.holds(self.generation):  # another entry took the process down
            self.load()
        self.rounds[number] = self.block(self.calls)


def measure(
    engine: LocalEngine,
    task: Task,
    on_step: Callable[[int, int], None],
) -> tuple[list[Record], list[Failure]]:
    """Measure all entries of a latency task; ``on_step(done, of)`` is told the progress.

    An entry that cannot be loaded or dies becomes a failure; the others go on. Ends after the
    number of rounds, or when ``max_seconds`` are spent, never with less than one whole round.
    """
    import numpy as np

    settings = task.settings
    failures: list[Failure] = []
    started = now()

    def fail(entry: Entry, error: ZoodiffError) -> None:
        failures.append(
            Failure(
                kind="latency",
                entry=str(entry.ref),
                architecture=entry.model.architecture,
                reason=str(error),
            )
        )

    runners: list[_Runner] = []
    steps = len(task.entries) + settings["rounds"]
    for index, entry in enumerate(task.entries):
        try:
            runner = _runner(engine, entry, settings, repeat=0)
            runner.load()
            runner.calibrate(settings["block_seconds"])
            runners.append(runner)
        except ZoodiffError as error:
            fail(entry, error)
        on_step(index + 1, steps)
    control = _control(engine, runners, settings)
    if control is not None:
        runners.append(control)

    rng = np.random.default_rng(settings["seed"])
    deadline = time.monotonic() + settings["max_seconds"]
    for number in range(settings["rounds"]):
        for index in rng.permutation(len(runners)):
            runner = runners[index]
            if runner.rounds.keys() != set(range(number)):
                continue  # it failed in an earlier round
            try:
                runner.measure(number)
            except ZoodiffError as error:
                if runner.repeat == 0:
                    fail(runner.entry, error)
        on_step(len(task.entries) + number + 1, steps)
        if time.monotonic() > deadline:
            break
    for runner in runners:
        runner.unload()
    finished = now()
    done = max((len(r.rounds) for r in runners), default=0)
    records = [
        _record(engine, task, runner, started, finished)
        for runner in runners
        if len(runner.rounds) == done and done
    ]
    return records, failures


def _runner(engine: LocalEngine, entry: Entry, settings: dict[str, object], repeat: int) -> _Runner:
    threads, seed, batch = (int(str(settings[k])) for k in ("threads", "seed", "batch"))
    worker = engine.worker(entry.zoo, threads=threads, copy=repeat)
    return _Runner(entry, repeat, worker, seed, batch)


def _control(
    engine: LocalEngine, runners: list[_Runner], settings: dict[str, object]
) -> _Runner | None:
    if not runners:
        return None
    first = runners[0]
    try:
        control = _runner(engine, first.entry, settings, repeat=1)
        control.load()
    except ZoodiffError:
        return None  # without a control no difference counts; the comparison says so
    control.calls = first.calls
    return control


def _record(
    engine: LocalEngine, task: Task, runner: _Runner, started: str, finished: str
) -> Record:
    rounds = [runner.rounds[number] for number in sorted(runner.rounds)]
    calls = sorted(value for block in rounds for value in block)
    medians = [statistics.median(block) for block in rounds]
    centre = intervals.median(medians)
    entry = runner.entry
    return Record(
        key=task.key(entry, runner.repeat),
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        model=entry.model.name,
        architecture=entry.model.architecture,
        weights=WeightsInfo(
            name=entry.weights_name,
            state=runner.state,  # type: ignore[arg-type]
            sha256=runner.sha256,
        ),
        preprocessing=entry.preprocessing.to_dict(),
        labels=entry.model.labels.name,
        conditions={
            **task.settings,
            "rounds_done": len(rounds),
            "calls_a_block": runner.calls,
            # Sorted, so that the layout does not matter: (3, 224, 224) either way.
            "input_shape": runner.input_shape,
        },
        versions=engine.versions(runner.worker),
        hardware=hardware(),
        started=started,
        finished=finished,
        values=LatencyValues(
            median_ms=Interval(value=centre.value, low=centre.low, high=centre.high),
            p10_ms=_quantile(calls, 0.10),
            p90_ms=_quantile(calls, 0.90),
            calls=len(calls),
            round_medians_ms=medians,
            group=started,
            repeat=runner.repeat,
        ),
    )


def _quantile(ordered: list[float], fraction: float) -> float:
    """Linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996)."""
    position = fraction * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
