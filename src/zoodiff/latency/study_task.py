"""Run the latency tasks of a study: time the entries of a task and return their records."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.host.environment import Environment, runtime_info_of
from zoodiff.host.machine import machine
from zoodiff.host.provenance import hardware, now
from zoodiff.latency.attribution.explain import (
    ReferenceSetup,
    prepare_references,
    profile_models,
)
from zoodiff.latency.attribution.layer_profile import shortened
from zoodiff.latency.attribution.reference_runs import stripped, whole
from zoodiff.latency.benchmark import Measured, Samples, with_controls
from zoodiff.latency.benchmark import measure as measure_rounds
from zoodiff.latency.records.keys import (
    STRIPPED,
    WHOLE,
    budget_of,
    conditions_of,
    has_layers,
    has_references,
)
from zoodiff.latency.records.parts import INSIDE, NO_REFERENCE, RUNTIME
from zoodiff.latency.subject import BenchmarkProcess, TimedEntry
from zoodiff.results import Interval, LayerTimes
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
    with tempfile.TemporaryDirectory(prefix="zoodiff-") as folder:
        setup = None
        if has_references(task) and len(subjects) > 1:
            setup = prepare_references(pool, subjects, Path(folder), budget.seed)
        measured = measure_rounds(
            [*with_controls(subjects), *(setup.references if setup else ())],
            budget,
            lambda subject: BenchmarkProcess(subject, seed=budget.seed, limits=pool.limits),
            step=on_step,
        )
        layers = _layer_times(pool, setup, measured) if setup and has_layers(task) else {}
    names = {subject.name for subject in subjects}
    for samples in measured.samples:
        if samples.subject.name in names:
            pool.learn(samples.subject.entry.worker, samples.loaded.versions)
    failures = [
        Failure(
            kind="latency",
            entry=str(subject.entry.ref),
            architecture=subject.entry.model.architecture,
            reason=reason,
        )
        for subject, reason in measured.failures
        if subject.name in names
    ]
    records = records_of(task, measured, started, setup)
    return [_with_layers(record, layers) for record in records], failures


def _layer_times(
    pool: WorkerPool, setup: ReferenceSetup, measured: Measured
) -> dict[str, list[LayerTimes]]:
    """Return the times of layers of each pair, or why it has none, by the pair's first entry."""
    times: dict[str, list[LayerTimes]] = {}
    sides = [
        (subject, model)
        for subject, model in zip(setup.subjects, setup.models, strict=True)
        if measured.samples_of(subject.name) is not None
    ]
    for (first, first_model), (second, second_model) in combinations(sides, 2):
        names = str(first.entry.ref), str(second.entry.ref)
        profile, reason = profile_models(
            pool, (first_model, second_model), first.conditions.threads
        )
        timed = shortened(profile, *names) if profile else LayerTimes.without(*names, reason)
        times.setdefault(names[0], []).append(timed)
    return times


def _with_layers(record: Record, times: Mapping[str, list[LayerTimes]]) -> Record:
    """Return the record of an entry itself, not of its control, with the times of its layers."""
    values = record.values
    if not isinstance(values, LatencyValues) or values.repeat or record.entry not in times:
        return record
    timed = values.model_copy(update={"layers": times[record.entry]})
    return record.model_copy(update={"values": timed})


def records_of(
    task: Task, measured: Measured, started: str, setup: ReferenceSetup | None = None
) -> list[Record]:
    """Return one record per entry, control and reference run.

    ``started`` is the group that they share.
    """
    span = started, now()
    references = _reference_runs(setup) if setup else {}
    return [
        _record(
            task,
            references.get(samples.subject.name) or _Run(samples.subject, samples.subject.copy),
            samples,
            measured,
            span,
        )
        for samples in measured.samples
    ]


@dataclass(frozen=True)
class _Run:
    """What a series of timings belongs to."""

    subject: TimedEntry
    repeat: int
    facts: tuple[tuple[str, Any], ...] = ()
    """Conditions of the record beside those of the task."""


def _reference_runs(setup: ReferenceSetup) -> dict[str, _Run]:
    """Return the runs in the reference runtime by their names in the measurement."""
    runs = {}
    for subject, model in zip(setup.subjects, setup.models, strict=True):
        facts = ((RUNTIME, "ONNX Runtime"), (INSIDE, list(model.inside)))
        runs[whole(subject)] = _Run(subject, WHOLE, facts)
        runs[stripped(subject)] = _Run(subject, STRIPPED, facts)
        if model.reason:
            runs[subject.name] = _Run(subject, 0, ((NO_REFERENCE, model.reason),))
    return runs


def _record(
    task: Task, run: _Run, samples: Samples, measured: Measured, span: tuple[str, str]
) -> Record:
    import numpy as np

    subject, loaded = run.subject, samples.loaded
    times = samples.call_times
    centre = ratios.latency(samples.medians)
    return Record(
        key=task.key(subject.entry, run.repeat),
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
            **dict(run.facts),
        },
        versions=dict(loaded.versions),
        hardware=hardware(),
        started=span[0],
        finished=span[1],
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
            group=span[0],
            repeat=run.repeat,
        ),
    )


def _environment(samples: Samples) -> Environment:
    """Return the machine and the runtime info of the entry's process after loading."""
    zoo = samples.subject.entry.zoo.name
    return Environment(machine(), {zoo: runtime_info_of(samples.runtime_info)})
