"""Work through a study: do what is missing, record each thing as it finishes.

Interrupted at any point, a run has lost only what was in flight; started again, it finds every
finished record in the store and does the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from zoodiff._version import __version__
from zoodiff.engines.local import LocalEngine, usable
from zoodiff.errors import StoreError, ZoodiffError
from zoodiff.measure import accuracy, architecture
from zoodiff.measure.common import hardware, now
from zoodiff.measure.image_task import measure_task
from zoodiff.measure.latency import task as latency
from zoodiff.measure.plan import Task, plan
from zoodiff.measure.study import LoadedStudy
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import Failure, LatencyValues, Record, key_of
from zoodiff.workers import permissions
from zoodiff.workers.process import Limits
from zoodiff.zoos.registry import Entry

_POLL_SECONDS = 0.5
"""How often a task is looked at that another run is at work on."""


class Observer(Protocol):
    """Is told how a run goes; the command draws a progress bar from it."""

    def begin(self, tasks: int, finished: int) -> None:
        """The run has this many tasks, of which so many were found finished."""

    def task(self, label: str) -> None:
        """A task begins."""

    def step(self, done: int, of: int) -> None:
        """A part of the task is done."""

    def done(self, failures: int) -> None:
        """The task ended, with this many entries that could not be measured."""


@dataclass(frozen=True)
class Outcome:
    """A run's manifest, and what had to be set aside in the store."""

    manifest: Manifest
    reused: int
    measured: int
    damaged: tuple[str, ...]


def run(
    loaded: LoadedStudy,
    store: Store,
    observer: Observer,
    *,
    fresh: bool = False,
    limits: Limits | None = None,
    engine: LocalEngine | None = None,
) -> Outcome:
    """Run a study into a store and return what came of it.

    Finished measurements are taken from the store unless ``fresh``. Raises StudyError for a name
    that does not exist, StoreError where the store cannot be written; a failing measurement is
    no error but a line in the manifest.
    """
    store.prepare()
    planned = plan(loaded)
    tasks = planned.tasks
    old = store.read_manifest(loaded.study.name)
    state = _State(loaded, store, len(tasks), old, fresh)
    state.left_out = planned.left_out
    waiting: list[tuple[int, Task]] = []
    for number, task in enumerate(tasks):
        found = None if fresh else _finished(store, task)
        if found is None:
            waiting.append((number, task))
        else:
            state.take(number, found)
    observer.begin(len(tasks), len(tasks) - len(waiting))
    own = engine is None
    engine = engine or LocalEngine(_with_code(limits, loaded))
    try:
        state.save(engine, complete=False)
        left = deque(waiting)
        held = 0
        while left:
            number, task = left.popleft()
            lease = store.leases.take(_lease_name(task))
            if lease is None:  # another run is at work on it: the others first
                left.append((number, task))
                held += 1
                if held >= len(left):
                    who = store.leases.holder(_lease_name(task))
                    observer.task(f"waiting for {who}: {task.label}")
                    time.sleep(_POLL_SECONDS)
                    held = 0
                continue
            held = 0
            try:
                observer.task(task.label)
                state.at = number
                _work_or_take(engine, store, task, state, observer.step)
                state.save(engine, complete=False)
            finally:
                lease.release()
            observer.done(len(state.failures.get(number, ())))
            _release_finished_zoos(engine, task, [later for _, later in left])
        manifest = state.save(engine, complete=True)
    finally:
        if own:
            engine.close()
    return Outcome(manifest, state.reused, state.measured, tuple(store.damaged))


def _with_code(limits: Limits | None, loaded: LoadedStudy) -> Limits:
    """The limits, with the code that the study allows."""
    code = frozenset(permissions.digest_of(one) for one in loaded.study.allow_code)
    return replace(limits or Limits(), allowed_code=code)


class _State:
    """The manifest in the making, in the order of the tasks, whenever each was measured."""

    def __init__(
        self, loaded: LoadedStudy, store: Store, planned: int, old: Manifest | None, fresh: bool
    ) -> None:
        self.loaded, self.store, self.planned = loaded, store, planned
        self.records: dict[int, list[str]] = {}
        self.failures: dict[int, list[Failure]] = {}
        self.left_out: tuple[Failure, ...] = ()
        self.at = 0
        """Number of the task that is at work."""
        self.reused = self.measured = 0
        self.fresh = fresh
        same = old is not None and old.study_sha256 == loaded.sha256 and not fresh
        self.started = old.started if same and old is not None else now()
        self.versions = dict(old.versions) if same and old is not None else {}

    def take(self, number: int, found: Sequence[Record]) -> None:
        """A task is finished already."""
        self.at = number
        self.add(self.store.name_of(record) for record in found)
        self.reused += len(found)

    def add(self, names: Iterable[str]) -> None:
        self.records.setdefault(self.at, []).extend(names)

    def fail(self, failures: Iterable[Failure]) -> None:
        self.failures.setdefault(self.at, []).extend(failures)

    def save(self, engine: LocalEngine, *, complete: bool) -> Manifest:
        self.versions |= engine.known_versions
        manifest = Manifest(
            study=self.loaded.study.name,
            title=self.loaded.study.title,
            study_sha256=self.loaded.sha256,
            study_text=self.loaded.text,
            started=self.started,
            updated=now(),
            complete=complete,
            records=[name for at in sorted(self.records) for name in self.records[at]],
            failures=[
                *self.left_out,
                *(one for at in sorted(self.failures) for one in self.failures[at]),
            ],
            planned=self.planned,
            zoodiff_version=__version__,
            hardware=hardware(),
            versions=self.versions,
            options={},
        )
        self.store.write_manifest(manifest)
        return manifest


def _finished(store: Store, task: Task, *, again: bool = False) -> list[Record] | None:
    """The records of a finished task, or None where any is missing; ``again``: see ``find``.

    A latency run that lost an entry is not finished: it is measured again as a whole, since its
    entries are only comparable within one schedule.
    """
    if task.on_images:
        return None  # it looks into the store itself, once the data set is open
    if task.kind == "latency":
        return _finished_latency(store, task, again)
    found = []
    for entry in task.entries:
        record = store.find(task.kind, task.key(entry), again=again)
        if record is None or not store.intact(record):
            return None
        found.append(record)
    return found


def _finished_latency(store: Store, task: Task, again: bool) -> list[Record] | None:
    """The newest records that were measured in one schedule, with its control.

    Without a control no difference would count, so a schedule that lost it is not finished.
    """

    def by_group(entry: Entry, repeat: int = 0) -> dict[str, Record]:
        found = store.find_all("latency", task.key(entry, repeat), again=again)
        return {r.values.group: r for r in reversed(found) if isinstance(r.values, LatencyValues)}

    groups = [by_group(entry) for entry in task.entries] + [by_group(task.entries[0], repeat=1)]
    whole = set.intersection(*(set(one) for one in groups))
    if not whole:
        return None
    newest = max(whole, key=lambda name: (groups[0][name].finished, name))
    return [one[newest] for one in groups]


def _lease_name(task: Task) -> str:
    """Names a task, so that another run on the same store leaves it alone."""
    return key_of(task=[task.kind, *(task.key(entry) for entry in task.entries)])[:32]


def _work_or_take(
    engine: LocalEngine,
    store: Store,
    task: Task,
    state: _State,
    step: Callable[[int, int], None],
) -> None:
    """Measure, unless another run has finished it since this one looked."""
    found = None if state.fresh else _finished(store, task, again=True)
    if found is None:
        _work(engine, store, task, state, step)
    else:
        state.take(state.at, found)


def _work(
    engine: LocalEngine,
    store: Store,
    task: Task,
    state: _State,
    step: Callable[[int, int], None],
) -> None:
    try:
        if task.kind == "latency":
            records, failures = latency.measure(engine, task, step)
            state.fail(failures)
            state.add([store.put(record) for record in records])
            state.measured += len(records)
            return
        if task.on_images:
            outcome = measure_task(engine, task, store, step, fresh=state.fresh)
            state.fail(outcome.failures)
            state.add(store.name_of(record) for record in outcome.records)
            if outcome.images_per_second is None:
                state.reused += len(outcome.records)
            else:
                state.measured += len(outcome.records)
            return
        entry = task.entries[0]
        reason = usable(entry.zoo)
        if reason is not None:
            state.fail([_failure(task, reason)])
            return
        if task.kind == "architecture":
            name = store.put(architecture.measure(engine, entry, task.key(entry)))
        else:
            record, predictions = accuracy.measure(engine, task, entry)
            name = store.put(record, predictions)
        state.add([name])
        state.measured += 1
    except StoreError:
        raise  # nothing more can be recorded: the run ends, and what is finished stays
    except ZoodiffError as error:
        state.fail(_failure(task, str(error), entry) for entry in _blamed(task))


def _blamed(task: Task) -> tuple[Entry, ...]:
    """Of a pass over images that failed as a whole, nobody has a result."""
    return task.entries if task.on_images else task.entries[:1]


def _failure(task: Task, reason: str, entry: Entry | None = None) -> Failure:
    entry = entry or task.entries[0]
    return Failure(
        kind=task.kind,
        entry=str(entry.ref),
        architecture=entry.model.architecture,
        reason=reason,
    )


def _release_finished_zoos(engine: LocalEngine, task: Task, waiting: list[Task]) -> None:
    """End workers that nothing needs any more, so that their memory is free for the others."""

    def role(kind: str) -> str:
        return "describe" if kind == "architecture" else "run"

    needed = {(e.zoo.name, role(later.kind)) for later in waiting for e in later.entries}
    for zoo in {entry.zoo.name: entry.zoo for entry in task.entries}.values():
        if (zoo.name, role(task.kind)) not in needed:
            engine.release(zoo, role(task.kind))
