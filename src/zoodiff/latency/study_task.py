"""Latency tasks of a study: time the entries of one architecture and make records."""

from __future__ import annotations

from collections.abc import Callable

from zoodiff.engines.pool import WorkerPool
from zoodiff.host.environment import Environment, runtime_info_of
from zoodiff.host.machine import machine
from zoodiff.host.provenance import hardware, now
from zoodiff.latency.benchmark import Measured, Samples, with_controls
from zoodiff.latency.benchmark import measure as measure_rounds
from zoodiff.latency.record_keys import budget_of, conditions_of
from zoodiff.latency.subject import BenchmarkProcess, TimedEntry
from zoodiff.results import Interval
from zoodiff.stats import ratios
from zoodiff.store.records import Failure, LatencyValues, Record, WeightsInfo
from zoodiff.tasks import Task


def measure(
    engine: WorkerPool, task: Task, on_step: Callable[[int, int], None]
) -> tuple[list[Record], list[Failure]]:
    """Measure all entries of a latency task; report progress to ``on_step(done, of)``.

    An entry that cannot be loaded or dies becomes a failure; the others go on.
    """
    conditions, budget = conditions_of(task.settings), budget_of(task.settings)
    subjects = [TimedEntry(str(entry.ref), entry, conditions) for entry in task.entries]
    started = now()
    measured = measure_rounds(
        with_controls(subjects),
        budget,
        lambda one: BenchmarkProcess(one, seed=budget.seed, limits=engine.limits),
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


def records_of(task: Task, measured: Measured, started: str) -> list[Record]:
    """A record of each entry, the controls included; all name ``started`` as their group."""
    finished = now()
    return [_record(task, one, measured, started, finished) for one in measured.samples]


def _record(
    task: Task, samples: Samples, measured: Measured, started: str, finished: str
) -> Record:
    import numpy as np

    one, loaded = samples.subject, samples.loaded
    times = samples.call_times
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
            p10_ms=times.p10,
            p90_ms=times.p90,
            p99_ms=times.p99,
            calls=times.calls,
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
    """Return the machine and the runtime info of the entry's process after loading."""
    zoo = samples.subject.entry.zoo.name
    return Environment(machine(), {zoo: runtime_info_of(samples.runtime_info)})
