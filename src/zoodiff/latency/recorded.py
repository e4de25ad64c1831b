"""A latency run read back from its records, as if it had been measured just now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, get_args

from zoodiff.latency.benchmark import CallTimes, Measured, Samples, Stopped, control_of
from zoodiff.latency.conditions import MeasuredConditions
from zoodiff.latency.record_keys import RunKeys, newest_run, task_of
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.latency.verdicts import by_process
from zoodiff.store.folder import Store
from zoodiff.store.records import LatencyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.latency.benchmark import Budget


@dataclass(frozen=True)
class RecordedRun:
    """What the store has of a run."""

    measured: Measured
    started: str


def recorded_run(
    store: Store, subjects: Sequence[TimedEntry], budget: Budget
) -> RecordedRun | None:
    """Return the newest run of these subjects, measured alike; None where there is none.

    Its measuring time is not recorded, and counts as none.
    """
    group = tuple(one.entry for one in subjects)
    parts = [(task_of(group, one.conditions, budget), one.entry) for one in subjects]
    named = newest_run(store, RunKeys.of(parts), again=True)
    if named is None:
        return None
    originals = {task.key(entry): one for (task, entry), one in zip(parts, subjects, strict=True)}
    copies = {task.key(entry, 1): one for (task, entry), one in zip(parts, subjects, strict=True)}
    samples: list[Samples] = []
    for _, record in named:
        subject = originals.get(record.key) or control_of(copies[record.key])
        restored = _samples(subject, record)
        if restored is None:
            return None
        samples.append(restored)
    if len({tuple(map(len, one.rounds)) for one in samples}) > 1:
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
    """What was measured of a subject; None for a record that lacks what is shown of it."""
    values = record.values
    assert isinstance(values, LatencyValues)
    rounds, medians = by_process(values), _split(values.round_medians_ms, values.process_rounds)
    if not rounds or [len(one) for one in rounds] != [len(one) for one in medians]:
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
    """Medians of all rounds, process by process; nothing where they do not add up."""
    import numpy as np

    if not counts or min(counts) < 1 or sum(counts) != len(medians):
        return []
    return np.split(np.array(medians, dtype=np.float64), np.cumsum(counts)[:-1])
