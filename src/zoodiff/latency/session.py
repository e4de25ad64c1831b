"""Entries against each other in latency: from references to a run that was judged and recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from zoodiff.engines.local import LocalEngine
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.host.provenance import now
from zoodiff.latency import study_task as records
from zoodiff.latency.benchmark import Effort, Measured, originals, with_controls
from zoodiff.latency.benchmark import measure as measure_rounds
from zoodiff.latency.comparison import Timings, read
from zoodiff.latency.conditions import Scope, check
from zoodiff.latency.record_keys import task_of
from zoodiff.latency.recorded import recorded_run
from zoodiff.latency.subject import Contestant, Loaded, Timed
from zoodiff.store.folder import Store
from zoodiff.zoos import files, registry
from zoodiff.zoos.registry import Entry


@dataclass(frozen=True)
class Asked:
    """What a user asks for."""

    scope: Scope = field(default_factory=Scope)
    effort: Effort = field(default_factory=Effort)
    modes: tuple[str, ...] = ()
    """``MODE`` for all entries, ``ZOO=MODE`` or ``ENTRY=MODE``; several of one entry are several
    contestants."""
    allowed: tuple[str, ...] = ()
    """Aspects of the scope that were declared to differ."""
    within_percent: float = 5.0
    controls: int = 1


@dataclass(frozen=True)
class Outcome:
    """What was measured, as it was measured and as it is read."""

    contestants: tuple[Contestant, ...]
    measured: Measured
    timings: Timings
    started: str


def entry_of(reference: str) -> Entry:
    """An entry to be timed; weights that take a download only where they are named.

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


def contestants_of(entries: Sequence[Entry], asked: Asked) -> list[Contestant]:
    """A contestant for each entry and mode; raise UsageError for a mode that nobody takes."""
    found: list[Contestant] = []
    taken: set[str] = set()
    for entry in entries:
        chosen = []
        for text in asked.modes:
            whose, equals, mode = text.rpartition("=")
            if not equals or whose in {entry.zoo.name, str(entry.ref), entry.model.name}:
                chosen.append(mode)
                taken.add(text)
        for mode in chosen or [""]:
            name = f"{entry.ref} [{mode}]" if mode else str(entry.ref)
            if all(one.name != name for one in found):
                found.append(Contestant(name, entry, replace(asked.scope, mode=mode)))
    for text in asked.modes:
        if text not in taken:
            raise UsageError(f'--mode "{text}" names none of the entries and none of their zoos')
    return found


def run(
    engine: LocalEngine,
    contestants: Sequence[Contestant],
    asked: Asked,
    *,
    companions: Sequence[Contestant] = (),
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Outcome:
    """Time contestants, and beside them ``companions``, which are compared with nobody here.

    Raises UsageError where scopes differ in what nobody declared, and MeasurementError where no
    contestant could be measured.
    """
    started = now()
    compared = {one.name for one in contestants}

    def comparable(loaded: Sequence[Loaded]) -> None:
        stated = [one.stated for one in loaded if one.stated.name in compared]
        check(stated, _declared(asked))

    every = [*with_controls(contestants, asked.controls), *companions]
    measured = measure_rounds(
        every,
        asked.effort,
        lambda one: Timed(one, seed=asked.effort.seed, limits=engine.limits),
        step=step,
        check=comparable,
    )
    if not any(one.contestant.name in compared for one in measured.courses):
        reasons = [f"{one.name}: {reason}" for one, reason in measured.failures]
        raise MeasurementError(f"nothing could be timed: {'; '.join(reasons[:3])}")
    own = tuple(
        one for one in measured.courses if one.contestant.name in compared or one.contestant.copy
    )
    timings = read(replace(measured, courses=own), within_percent=asked.within_percent)
    return Outcome(tuple(contestants), measured, timings, started)


def recorded(contestants: Sequence[Contestant], asked: Asked, store: Store) -> Outcome | None:
    """Return what the store has of these contestants, measured alike, or None.

    Raises UsageError as ``run`` does.
    """
    found = recorded_run(store, contestants, asked.effort)
    if found is None:
        return None
    courses = originals(found.measured.courses)
    check([course.loaded.stated for course in courses], _declared(asked))
    timings = read(found.measured, within_percent=asked.within_percent)
    timings = replace(timings, recorded=found.started)
    return Outcome(tuple(contestants), found.measured, timings, found.started)


def _declared(asked: Asked) -> tuple[str, ...]:
    """Naming modes declares that they, and what comes with them, may differ."""
    return (*asked.allowed, *(("mode", "entry point", "binding") if asked.modes else ()))


def record(outcome: Outcome, asked: Asked, store: Store) -> None:
    """Keep what was measured of entries and their controls; raise StoreError where that fails."""
    names = {one.name for one in outcome.contestants}
    group = tuple(one.entry for one in outcome.contestants)
    for course in outcome.measured.courses:
        one = course.contestant
        if one.name not in names and not one.copy:
            continue
        task = task_of(group, one.scope, asked.effort)
        single = replace(outcome.measured, courses=(course,))
        for made in records.records_of(task, single, outcome.started):
            store.put(made)
