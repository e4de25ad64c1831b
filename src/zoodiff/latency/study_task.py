"""Run the latency tasks of a study: time the entries of a task and return their records."""

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
    pool: WorkerPool, task: Task, on_step: Callable[[int, int], None]
) -> tuple[list[Record], list[Failure]]:
    """Measure all entries of a latency task; report progress to ``on_step(done, of)``.

    An entry that cannot be loaded or whose process dies becomes a failure; the others are measured.
    """
    conditions, budget = conditions_of(task.settings), budget_of(task.settings)
    subjects = [TimedEntry(str(entry.ref), entry, conditions) for entry in task.entries]
    started = now()
    measured = measure_rounds(
        with_controls(subjects),
        budget,
        lambda subject: BenchmarkProcess(subject, seed=budget.seed, limits=pool.limits),
        step=on_step,
    )
    for samples in measured.samples:
        pool.learn(samples.subject.entry.worker, samples.loaded.versions)
    failures = [
        Failure(
            kind="latency",
            entry=str(subject.entry.ref),
            architecture=subject.entry.model.architecture,
            reason=reason,
        )
        for subject, reason in measured.failures
        if subject.copy == 0
    ]
    return records_of(task, measured, started), failures


def records_of(task: Task, measured: Measured, started: str) -> list[Record]:
    """Return one record per entry and control; ``started`` is the group that they share."""
    finished = now()
    return [_record(task, samples, measured, started, finished) for samples in measured.samples]


def _record(
    task: Task, samples: Samples, measured: Measured, started: str, finished: str
) -> Record:
    import numpy as np

    subject, loaded = samples.subject, samples.loaded
    times = samples.call_times
    centre = ratios.latency(samples.medians)
    return Record(
        key=task.key(subject.entry, subject.copy),
        entry=str(subject.entry.ref),
        zoo=subject.entry.zoo.name,
        model=subject.entry.model.name,
        architecture=subject.entry.model.architecture,
        weights=WeightsInfo(
            name=subject.entry.weights_name,
            state=loaded.weights_state,
            sha256=loaded.weights_sha256,
        ),
        preprocessing=subject.entry.preprocessing.to_dict(),
        labels=subject.entry.model.labels.name,
        conditions={
            **task.settings,
            # Sorted, so that channels-first and channels-last shapes are equal.
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
            repeat=subject.copy,
        ),
    )


def _environment(samples: Samples) -> Environment:
    """Return the machine and the runtime info of the entry's process after loading."""
    zoo = samples.subject.entry.zoo.name
    return Environment(machine(), {zoo: runtime_info_of(samples.runtime_info)})
