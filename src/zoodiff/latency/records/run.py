"""Read a latency run from its records, as the samples that measuring returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from zoodiff.latency.benchmark import CallTimes, Measured, Samples, Stopped, control_of
from zoodiff.latency.conditions import MeasuredConditions
from zoodiff.latency.records.keys import RunKeys, newest_run, task_of
from zoodiff.latency.records.parts import by_process
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.store.folder import Store
from zoodiff.store.records import LatencyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.latency.benchmark import Budget


@dataclass(frozen=True)
class RecordedRun:
    """A run that was read from its records, and when it started."""

    measured: Measured
    started: str


def recorded_run(
    store: Store, subjects: Sequence[TimedEntry], budget: Budget
) -> RecordedRun | None:
    """Return the newest run of these entries with the same settings; None if there is none.

    Its measuring time is 0, since records do not contain it.
    """
    group = tuple(subject.entry for subject in subjects)
    parts = [(task_of(group, subject.conditions, budget), subject.entry) for subject in subjects]
    named = newest_run(store, RunKeys.of(parts), again=True)
    if named is None:
        return None
    by_part = list(zip(parts, subjects, strict=True))
    originals = {task.key(entry): subject for (task, entry), subject in by_part}
    copies = {task.key(entry, 1): subject for (task, entry), subject in by_part}
    samples: list[Samples] = []
    for _, record in named:
        subject = originals.get(record.key) or control_of(copies[record.key])
        restored = _samples(subject, record)
        if restored is None:
            return None
        samples.append(restored)
    if len({tuple(map(len, timings.rounds)) for timings in samples}) > 1:
        return None  # ratios are formed within rounds
    values = named[0][1].values
    assert isinstance(values, LatencyValues)
    if values.stopped not in get_args(Stopped):
        return None
    measured = Measured(
        samples=tuple(samples),
        failures=(),
        stopped=cast("Stopped", values.stopped),
        processes=len(samples[0].rounds),
        seconds=0.0,
        loading_seconds=0.0,
        needed_seconds=None,
        system_noise=tuple(values.system_noise),
    )
    return RecordedRun(measured, named[0][1].started)


def _samples(subject: TimedEntry, record: Record) -> Samples | None:
    """Return the samples of an entry from its record; None if the record lacks reported values."""
    values = record.values
    assert isinstance(values, LatencyValues)
    rounds, medians = by_process(values), _split(values.round_medians_ms, values.process_rounds)
    if not rounds or [len(process) for process in rounds] != [len(process) for process in medians]:
        return None
    if values.p99_ms is None or values.overhead_ms is None or values.peak_rss_bytes is None:
        return None
    if not values.conditions or record.weights.state == "none":
        return None
    workers = values.environment.get("workers")
    ran_with = workers.get(record.zoo) if isinstance(workers, dict) else None
    return Samples(
        subject,
        Loaded(
            weights_state=record.weights.state,
            weights_sha256=record.weights.sha256,
            input_shape=tuple(record.conditions.get("input_shape", ())),
            conditions=MeasuredConditions(
                subject.name, record.zoo, subject.conditions.mode, dict(values.conditions)
            ),
            stages={},
            peak_rss_bytes=values.peak_rss_bytes,
            versions=dict(record.versions),
        ),
        rounds=rounds,
        medians=medians,
        recorded=CallTimes(values.p10_ms, values.p90_ms, values.p99_ms, values.calls),
        paused_ms=[] if values.paused_ms is None else [values.paused_ms],
        overhead_ms=values.overhead_ms,
        peak_rss_bytes=values.peak_rss_bytes,
        runtime_info=dict(ran_with) if isinstance(ran_with, dict) else {},
    )


def _split(medians: Sequence[float], counts: Sequence[int]) -> list[NDArray[np.float64]]:
    """Split the medians of all rounds by process; return none if the counts do not add up."""
    import numpy as np

    if not counts or min(counts) < 1 or sum(counts) != len(medians):
        return []
    return np.split(np.array(medians, dtype=np.float64), np.cumsum(counts)[:-1])
