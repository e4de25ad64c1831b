"""Latency in studies: the entries of one architecture, and the records that come of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.host.environment import Environment, runtime_info_of
from zoodiff.host.machine import machine
from zoodiff.host.provenance import hardware, now
from zoodiff.latency.benchmark import Budget, Measured, Samples, with_controls
from zoodiff.latency.benchmark import measure as measure_rounds
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.subject import BenchmarkProcess, TimedEntry
from zoodiff.results import Interval
from zoodiff.stats import ratios
from zoodiff.store.records import Failure, LatencyValues, Record, WeightsInfo
from zoodiff.tasks import Task


def measure(
    engine: WorkerPool, task: Task, on_step: Callable[[int, int], None]
) -> tuple[list[Record], list[Failure]]:
    """Measure all entries of a latency task; ``on_step(done, of)`` is told the progress.

    An entry that cannot be loaded or dies becomes a failure; the others go on.
    """
    settings = task.settings
    conditions = Conditions(batch=settings["batch"], threads=settings["threads"])
    subjects = [TimedEntry(str(entry.ref), entry, conditions) for entry in task.entries]
    started = now()
    measured = measure_rounds(
        with_controls(subjects),
        budget_of(settings),
        lambda one: BenchmarkProcess(one, seed=settings["seed"], limits=engine.limits),
        step=on_step,
    )
    for samples in measured.samples:
        engine.learn(samples.subject.entry.worker, samples.loaded.versions)
    failures = [
        Failure(
            kind="latency",
            entry=str(one.entry.ref),
            architecture=one.entry.model.architecture,
            reason=reason,
        )
        for one, reason in measured.failures
        if one.copy == 0
    ]
    return records_of(task, measured, started), failures


def budget_of(settings: dict[str, Any]) -> Budget:
    """How much a study measures: a stated number of rounds, in a stated number of processes."""
    return Budget(
        seconds=settings["max_seconds"],
        processes=settings["processes"],
        most_processes=settings["processes"],
        rounds=settings["rounds"],
        block_ms=1000 * settings["block_seconds"],
        seed=settings["seed"],
    )


def records_of(task: Task, measured: Measured, started: str) -> list[Record]:
    """A record of each entry, the controls included; all name ``started`` as their group."""
    finished = now()
    return [_record(task, one, measured, started, finished) for one in measured.samples]


def _record(
    task: Task, samples: Samples, measured: Measured, started: str, finished: str
) -> Record:
    import numpy as np

    one, loaded = samples.subject, samples.loaded
    calls = np.concatenate(samples.calls)
    quantiles = [float(q) for q in np.quantile(calls, [0.1, 0.9, 0.99])]
    centre = ratios.latency(samples.medians)
    return Record(
        key=task.key(one.entry, one.copy),
        entry=str(one.entry.ref),
        zoo=one.entry.zoo.name,
        model=one.entry.model.name,
        architecture=one.entry.model.architecture,
        weights=WeightsInfo(
            name=one.entry.weights_name,
            state=loaded.weights_state,
            sha256=loaded.weights_sha256,
        ),
        preprocessing=one.entry.preprocessing.to_dict(),
        labels=one.entry.model.labels.name,
        conditions={
            **task.settings,
            # Sorted, so that the layout does not matter: (3, 224, 224) either way.
            "input_shape": sorted(loaded.input_shape),
        },
        versions=dict(loaded.versions),
        hardware=hardware(),
        started=started,
        finished=finished,
        values=LatencyValues(
            median_ms=Interval(value=centre.value, low=centre.low, high=centre.high),
            p10_ms=quantiles[0],
            p90_ms=quantiles[1],
            p99_ms=quantiles[2],
            calls=len(calls),
            round_medians_ms=[float(ms) for rounds in samples.medians for ms in rounds],
            round_quartiles_ms=[float(ms) for rounds in samples.rounds for ms in rounds],
            process_rounds=[len(rounds) for rounds in samples.rounds],
            overhead_ms=samples.overhead_ms,
            paused_ms=float(np.median(samples.paused_ms)) if samples.paused_ms else None,
            peak_rss_bytes=samples.peak_rss_bytes,
            conditions=dict(loaded.conditions.values),
            stopped=measured.stopped,
            system_noise=list(measured.system_noise),
            environment=_environment(samples).to_dict(),
            group=started,
            repeat=one.copy,
        ),
    )


def _environment(samples: Samples) -> Environment:
    """The machine, and what the entry's own process ran with once its network was loaded."""
    zoo = samples.subject.entry.zoo.name
    return Environment(machine(), {zoo: runtime_info_of(samples.runtime_info)})
