"""A latency comparison: from entry references to judged and recorded timings."""

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
from zoodiff.latency.record_keys import task_of
from zoodiff.latency.recorded import recorded_run
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
    """``MODE`` for all entries, ``ZOO=MODE`` or ``ENTRY=MODE``; several of one entry are several
    entries."""
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

    Latency depends on the values of weights in rare cases only (denormal numbers), so networks
    whose weights nobody named get random ones, and every table says so.
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
    found: list[TimedEntry] = []
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
            if all(one.name != name for one in found):
                found.append(TimedEntry(name, entry, replace(settings.conditions, mode=mode)))
    for text in settings.modes:
        if text not in taken:
            raise UsageError(f'--mode "{text}" names none of the entries and none of their zoos')
    return found


def run(
    engine: WorkerPool,
    subjects: Sequence[TimedEntry],
    settings: BenchmarkSettings,
    *,
    references: Sequence[TimedEntry] = (),
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Outcome:
    """Time entries, and the reference runs ``references`` in the same rounds.

    Raises UsageError where conditions differ in what nobody declared, and MeasurementError where no
    entry could be measured.
    """
    started = now()
    compared = {one.name for one in subjects}

    def comparable(loaded: Sequence[Loaded]) -> None:
        conditions = [one.conditions for one in loaded if one.conditions.name in compared]
        check(conditions, _declared(settings))

    every = [*with_controls(subjects, settings.controls), *references]
    measured = measure_rounds(
        every,
        settings.budget,
        lambda one: BenchmarkProcess(one, seed=settings.budget.seed, limits=engine.limits),
        step=step,
        check=comparable,
    )
    if not any(one.subject.name in compared for one in measured.samples):
        reasons = [f"{one.name}: {reason}" for one, reason in measured.failures]
        raise MeasurementError(f"nothing could be timed: {'; '.join(reasons[:3])}")
    own = tuple(one for one in measured.samples if one.subject.name in compared or one.subject.copy)
    timings = read(replace(measured, samples=own), within_percent=settings.within_percent)
    return Outcome(tuple(subjects), measured, timings, started)


def recorded(
    subjects: Sequence[TimedEntry], settings: BenchmarkSettings, store: Store
) -> Outcome | None:
    """Return what the store has of these subjects, measured alike, or None.

    Raises UsageError as ``run`` does.
    """
    found = recorded_run(store, subjects, settings.budget)
    if found is None:
        return None
    samples = originals(found.measured.samples)
    check([one.loaded.conditions for one in samples], _declared(settings))
    timings = read(found.measured, within_percent=settings.within_percent)
    timings = replace(timings, recorded=found.started)
    return Outcome(tuple(subjects), found.measured, timings, found.started)


def _declared(settings: BenchmarkSettings) -> tuple[str, ...]:
    """Return the permitted conditions; choosing modes permits the conditions that they imply."""
    return (*settings.allowed, *(("mode", "entry point", "binding") if settings.modes else ()))


def record(outcome: Outcome, settings: BenchmarkSettings, store: Store) -> None:
    """Store the records of entries and their controls; raise StoreError if that fails."""
    names = {one.name for one in outcome.subjects}
    group = tuple(one.entry for one in outcome.subjects)
    for samples in outcome.measured.samples:
        one = samples.subject
        if one.name not in names and not one.copy:
            continue
        task = task_of(group, one.conditions, settings.budget)
        single = replace(outcome.measured, samples=(samples,))
        for made in records.records_of(task, single, outcome.started):
            store.put(made)
