"""Run a latency comparison: from entry references to judged and recorded timings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from zoodiff.engines.pool import WorkerPool
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.host.provenance import now
from zoodiff.latency import study_task as records
from zoodiff.latency.benchmark import Budget, Measured, originals, with_controls
from zoodiff.latency.benchmark import measure as measure_rounds
from zoodiff.latency.comparison import Timings, read
from zoodiff.latency.conditions import Conditions, check
from zoodiff.latency.records.keys import task_of
from zoodiff.latency.records.run import recorded_run
from zoodiff.latency.subject import BenchmarkProcess, Loaded, TimedEntry
from zoodiff.store.folder import Store
from zoodiff.zoos import files, registry
from zoodiff.zoos.registry import Entry


@dataclass(frozen=True)
class BenchmarkSettings:
    """The settings of a latency comparison."""

    conditions: Conditions = field(default_factory=Conditions)
    budget: Budget = field(default_factory=Budget)
    modes: tuple[str, ...] = ()
    """``MODE`` for all entries, ``ZOO=MODE`` or ``ENTRY=MODE``; several modes of one entry make
    several timed entries."""
    allowed: tuple[str, ...] = ()
    """Conditions that the user declared to differ."""
    within_percent: float = 5.0
    controls: int = 1


@dataclass(frozen=True)
class Outcome:
    """The samples of a run and the timings computed from them."""

    subjects: tuple[TimedEntry, ...]
    measured: Measured
    timings: Timings
    started: str


def entry_of(reference: str) -> Entry:
    """Resolve an entry to time; published weights that need a download are used only if named.

    Latency rarely depends on the values of the weights (denormal numbers are an exception), so
    random weights replace those that the reference does not name, and every table says so.
    Raises UnknownNameError or UsageError as ``registry.resolve`` does.
    """
    entry = registry.resolve(reference)
    if files.is_file(reference.strip()) or reference.startswith("file:"):
        return entry
    named = ModelRef.parse(reference).weights is not None
    default = entry.model.default_weights
    if named or default is None or default.url is None:
        return entry
    return registry.resolve(entry.ref.with_weights(RANDOM))


def timed_entries(entries: Sequence[Entry], settings: BenchmarkSettings) -> list[TimedEntry]:
    """Return a timed entry per entry and mode; raise UsageError for an unused mode."""
    timed: list[TimedEntry] = []
    taken: set[str] = set()
    for entry in entries:
        chosen = []
        for text in settings.modes:
            whose, equals, mode = text.rpartition("=")
            if not equals or whose in {entry.zoo.name, str(entry.ref), entry.model.name}:
                chosen.append(mode)
                taken.add(text)
        for mode in chosen or [""]:
            name = f"{entry.ref} [{mode}]" if mode else str(entry.ref)
            if all(existing.name != name for existing in timed):
                timed.append(TimedEntry(name, entry, replace(settings.conditions, mode=mode)))
    for text in settings.modes:
        if text not in taken:
            raise UsageError(f'--mode "{text}" names none of the entries and none of their zoos')
    return timed


def run(
    pool: WorkerPool,
    subjects: Sequence[TimedEntry],
    settings: BenchmarkSettings,
    *,
    references: Sequence[TimedEntry] = (),
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Outcome:
    """Time entries, and the reference runs ``references`` in the same rounds.

    Raises UsageError if the conditions of two entries differ without permission, and
    MeasurementError if no entry could be measured.
    """
    started = now()
    compared = {subject.name for subject in subjects}

    def check_conditions(loaded: Sequence[Loaded]) -> None:
        every = [entry.conditions for entry in loaded]
        conditions = [own for own in every if own.name in compared]
        check(conditions, _allowed(settings))

    measured = measure_rounds(
        [*with_controls(subjects, settings.controls), *references],
        settings.budget,
        lambda subject: BenchmarkProcess(subject, seed=settings.budget.seed, limits=pool.limits),
        step=step,
        check=check_conditions,
    )
    if not any(samples.subject.name in compared for samples in measured.samples):
        reasons = [f"{subject.name}: {reason}" for subject, reason in measured.failures]
        raise MeasurementError(f"nothing could be timed: {'; '.join(reasons[:3])}")
    without_references = tuple(
        samples
        for samples in measured.samples
        if samples.subject.name in compared or samples.subject.copy
    )
    timings = read(
        replace(measured, samples=without_references), within_percent=settings.within_percent
    )
    return Outcome(tuple(subjects), measured, timings, started)


def recorded(
    subjects: Sequence[TimedEntry], settings: BenchmarkSettings, store: Store
) -> Outcome | None:
    """Return the newest recorded run of these entries with the same settings, or None.

    Raises UsageError if the conditions of two entries differ without permission.
    """
    stored = recorded_run(store, subjects, settings.budget)
    if stored is None:
        return None
    entries = originals(stored.measured.samples)
    check([samples.loaded.conditions for samples in entries], _allowed(settings))
    timings = read(stored.measured, within_percent=settings.within_percent)
    timings = replace(timings, recorded=stored.started)
    return Outcome(tuple(subjects), stored.measured, timings, stored.started)


def _allowed(settings: BenchmarkSettings) -> tuple[str, ...]:
    """Return the conditions that may differ; choosing modes adds the conditions that they imply."""
    return (*settings.allowed, *(("mode", "entry point", "binding") if settings.modes else ()))


def record(outcome: Outcome, settings: BenchmarkSettings, store: Store) -> None:
    """Store the records of entries and their controls; raise StoreError if that fails."""
    names = {subject.name for subject in outcome.subjects}
    group = tuple(subject.entry for subject in outcome.subjects)
    for samples in outcome.measured.samples:
        subject = samples.subject
        if subject.name not in names and not subject.copy:
            continue
        task = task_of(group, subject.conditions, settings.budget)
        single = replace(outcome.measured, samples=(samples,))
        for entry_record in records.records_of(task, single, outcome.started):
            store.put(entry_record)
