"""Run the tasks of a study on an engine and record the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoodiff.accuracy.attribution.record import PairRecords
from zoodiff.accuracy.sharding import ImagePass
from zoodiff.engines.base import End, Engine, Job, Partial, Step
from zoodiff.engines.choose import Choice, open_engine
from zoodiff.engines.schedule import Answer, Run
from zoodiff.errors import StoreError, ZoodiffError
from zoodiff.store.leases import Lease
from zoodiff.store.records import Failure, Record, key_of
from zoodiff.study import serialization
from zoodiff.study.jobs.differences import DifferenceTask
from zoodiff.study.jobs.explanations import ExplanationTask, pairs_to_explain
from zoodiff.study.jobs.recipes import RecipesTask
from zoodiff.study.jobs.run_job import failure, job_of, placeholder_of, work
from zoodiff.study.state import DIVIDED, State, finished
from zoodiff.study.time_limits import TimeLimits
from zoodiff.tasks import Finished, Kind, Task

_WAITS_FOR: dict[Kind, Kind] = {"difference": "architecture", "explanation": "accuracy"}
"""Kinds of tasks that start when all tasks of another kind are finished."""


class Observer(Protocol):
    """Observes the progress of a run; the command draws a progress bar from it.

    Several tasks may be under way at a time; their labels tell them apart.
    """

    def begin(self, tasks: int, finished: int) -> None:
        """Called when a run starts, with the numbers of all and of finished tasks."""

    def expects(self, sentence: str) -> None:
        """Called before the first task starts, with a sentence on how long all will take.

        Before that, it is called with a sentence per zoo that is not installed on this machine.
        """

    def task(self, label: str) -> None:
        """Called when a task starts."""

    def step(self, label: str, done: int, of: int) -> None:
        """Called when ``done`` of ``of`` steps of a task are done."""

    def waits(self, label: str, holder: str) -> None:
        """Called when another run holds the lease of a task, which is retried later."""

    def done(self, label: str, failures: int) -> None:
        """Called when a task ends, with the number of entries that could not be measured."""


class Divided(Protocol):
    """A task that is cut into several jobs when it starts, such as a pass over a data set."""

    @property
    def lease(self) -> str | None:
        """Name of the lease to hold while its jobs run; None if there is nothing to do."""
        ...

    def find_pending(self) -> bool:
        """Look for missing results and return whether there are any; the caller holds the lease."""
        ...

    def jobs(self, name: str, slots: int, cores: int) -> list[Job]:
        """Return jobs for the missing results, for this many slots with this many cores each."""
        ...

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Take a partial result of a job; return how much of the task is done, and of how much."""
        ...

    def end(self, data: Mapping[str, Any]) -> None:
        """Take the result of a job that has ended."""
        ...

    def finish(self) -> Finished:
        """Return the outcome of the task; raise MeasurementError if its results are unusable."""
        ...


@dataclass
class _ActiveTask:
    """An unfinished task of the run, with its jobs and its lease."""

    number: int
    task: Task
    label: str
    parts: Divided | None = None
    """Set when a divided task is opened."""
    jobs: set[str] = field(default_factory=set)
    """Names of its unfinished jobs."""
    lease: Lease | None = None
    announced: bool = False
    """Whether the observer was told that the task has started."""
    done: bool = False


class Scheduler:
    """Runs the unfinished tasks of a run on an engine."""

    def __init__(
        self,
        state: State,
        observer: Observer,
        choice: Choice,
        max_seconds: Mapping[str, float] | None = None,
    ) -> None:
        """Take, by kind of task, the seconds after which no further task starts."""
        self._state, self._observer, self._choice = state, observer, choice
        self._time_limits = TimeLimits(max_seconds or {})
        self._of_job: dict[str, _ActiveTask] = {}
        self._waits: set[str] = set()
        self._unfinished: dict[Kind, set[int]] = {}
        """Numbers of the unfinished tasks of the kinds that others wait for."""
        self._described: list[Record] | None = None
        """Records of the architectures; None until all entries are described."""
        self._pairs: list[PairRecords] | None = None
        """Pairs to explain; None until all accuracy tasks are finished."""

    def run(self, waiting: Mapping[int, Task]) -> None:
        """Run all tasks; raise StoreError if records cannot be written."""
        tasks = [_ActiveTask(number, task, task.label) for number, task in waiting.items()]
        self._unfinished = {
            kind: {active.number for active in tasks if active.task.kind == kind}
            for kind in _WAITS_FOR.values()
        }
        try:
            # Tasks that others wait for come first: these are finished if nothing is missing.
            for active in sorted(tasks, key=lambda active: active.task.kind in _WAITS_FOR):
                if active.task.kind in DIVIDED and not self._must_wait(active.task):
                    self._open(active)
            remaining = [active for active in tasks if not active.done]
            if remaining:
                engine = open_engine(self._choice, work)
                try:
                    self._work(engine, remaining)
                finally:
                    engine.close()
        finally:
            for active in tasks:
                self._release(active)

    def _work(self, engine: Engine, tasks: Sequence[_ActiveTask]) -> None:
        running = Run(engine, lambda job: self._admit(job, engine, running))
        for active in tasks:
            name = f"{active.number}: {active.label}"
            # A divided task is cut into jobs when its placeholder job is admitted.
            divided = active.task.kind in DIVIDED
            job = placeholder_of(name, active.task) if divided else job_of(name, active.task)
            self._add(active, job, running)
        for job, message in running.messages():
            active = self._of_job[job.name]
            if job.name not in active.jobs:
                continue  # its task has failed meanwhile
            if isinstance(message, Step):
                self._observer.step(active.label, message.done, message.of)
            elif isinstance(message, Partial):
                self._take_part(active, message)
            else:
                self._end(active, job, message, running)

    def _add(self, active: _ActiveTask, job: Job, running: Run) -> None:
        active.jobs.add(job.name)
        self._of_job[job.name] = active
        running.waiting.add(job)

    def _admit(self, job: Job, engine: Engine, running: Run) -> Answer:
        """Return whether a job may start, must wait for another run, or is not needed."""
        active = self._of_job[job.name]
        if active.task.kind not in DIVIDED:
            return self._admit_single(active)
        if job.data:  # a job of a divided task, which has no placeholder any more
            self._begin(active)
            return Answer.YES
        return self._cut(active, job, engine, running)

    def _admit_single(self, active: _ActiveTask) -> Answer:
        """Return whether the only job of a task may start."""
        if active.lease is not None:  # it was started before and lost with its slot
            return Answer.YES
        if not self._lease(active, _lease_name(active.task)):
            return Answer.LATER
        state = self._state
        late = self._time_limits.reason(active.task.kind)
        if late is not None:
            self._omit(active, late)
            return Answer.NOT_NEEDED
        self._begin(active)
        # Another run may have finished it since this run read the store.
        records = None if state.fresh else finished(state.store, active.task, again=True)
        if records is None:
            self._time_limits.start(active.task.kind)
            return Answer.YES
        state.take(active.number, records)
        self._done(active, ())
        return Answer.NOT_NEEDED

    def _cut(self, active: _ActiveTask, job: Job, engine: Engine, running: Run) -> Answer:
        """Replace the placeholder job of a divided task by its jobs."""
        if active.task.kind in _WAITS_FOR and active.parts is None:
            if self._must_wait(active.task):
                return Answer.LATER
            self._open(active)
            if active.done:
                return Answer.NOT_NEEDED
        if active.parts is None or not self._lease(active, active.parts.lease):
            return Answer.LATER
        active.jobs.discard(job.name)
        if active.parts.find_pending():
            for part in active.parts.jobs(job.name, len(engine.slots()), engine.cores):
                self._add(active, part, running)
        if not active.jobs:
            self._begin(active)
            self._finish_parts(active)
        return Answer.NOT_NEEDED

    def _open(self, active: _ActiveTask) -> None:
        """Open a divided task, and finish it if no result is missing."""
        try:
            active.parts = self._parts_of(active.task)
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(active, error)
            return
        if self._lease(active, active.parts.lease) and not active.parts.find_pending():
            self._begin(active)
            self._finish_parts(active)

    def _parts_of(self, task: Task) -> Divided:
        """Return a task as a divided one; raise UsageError if its data set cannot be opened."""
        store, fresh = self._state.store, self._state.fresh
        if task.kind == "accuracy":
            return ImagePass(task, store, self._choice.limits, fresh=fresh)
        if task.kind == "difference":
            if self._described is None:
                self._described = self._records_of("architecture")
            return DifferenceTask(task, self._described, store, fresh=fresh)
        if task.kind == "recipes":
            return RecipesTask(task, store, fresh=fresh)
        if self._pairs is None:
            self._pairs = pairs_to_explain(self._records_of("accuracy"), store)
        return ExplanationTask(task, self._pairs, store, fresh=fresh)

    def _must_wait(self, task: Task) -> bool:
        """Return whether a task needs records of tasks that are not finished."""
        needed = _WAITS_FOR.get(task.kind)
        return needed is not None and bool(self._unfinished[needed])

    def _records_of(self, kind: Kind) -> list[Record]:
        """Return the run's records of a kind, in the order of its tasks."""
        names = [name for _, listed in sorted(self._state.records.items()) for name in listed]
        records = (self._state.store.get(name) for name in names if name.startswith(f"{kind}/"))
        return [record for record in records if record is not None]

    def _lease(self, active: _ActiveTask, name: str | None) -> bool:
        """Take the lease of a task unless it has it; return whether its jobs may run.

        A task without a lease name has nothing to do and needs none.
        """
        if active.lease is None and name is not None:
            active.lease = self._state.store.leases.take(name)
            if active.lease is None and active.label not in self._waits:
                self._waits.add(active.label)
                self._observer.waits(active.label, self._state.store.leases.holder(name))
        return active.lease is not None or name is None

    def _release(self, active: _ActiveTask) -> None:
        lease, active.lease = active.lease, None
        if lease is not None:
            lease.release()

    def _begin(self, active: _ActiveTask) -> None:
        if not active.announced:
            active.announced = True
            self._observer.task(active.label)

    def _take_part(self, active: _ActiveTask, message: Partial) -> None:
        assert active.parts is not None
        self._observer.step(active.label, *active.parts.take(message.data))

    def _end(self, active: _ActiveTask, job: Job, message: End, running: Run) -> None:
        active.jobs.discard(job.name)
        if message.error is not None:
            if not isinstance(message.error, ZoodiffError) or isinstance(message.error, StoreError):
                raise message.error
            active.jobs.clear()
            running.waiting.drop(lambda queued: self._of_job[queued.name] is active)
            self._failed(active, message.error)
        elif active.parts is None:
            self._record(active, message.data)
        else:
            active.parts.end(message.data)
            if not active.jobs:
                self._finish_parts(active)

    def _record(self, active: _ActiveTask, data: Mapping[str, Any]) -> None:
        """Write the records of a task that is a single job."""
        product, state = serialization.product_of(data), self._state
        state.records[active.number] = [
            state.store.put(record, attachment) for record, attachment in product.records
        ]
        state.measured += len(product.records)
        state.versions |= product.versions
        self._done(active, product.failures)

    def _finish_parts(self, active: _ActiveTask) -> None:
        assert active.parts is not None
        state = self._state
        try:
            outcome = active.parts.finish()
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(active, error)
            return
        state.records[active.number] = [state.store.name_of(record) for record in outcome.records]
        state.measured += outcome.measured
        state.reused += len(outcome.records) - outcome.measured
        self._done(active, outcome.failures)

    def _failed(self, active: _ActiveTask, error: ZoodiffError) -> None:
        self._begin(active)
        self._done(active, [failure(active.task.kind, e, str(error)) for e in active.task.entries])

    def _omit(self, active: _ActiveTask, reason: str) -> None:
        """End a task that is not run; a later run of the study runs it."""
        self._begin(active)
        failures = [failure(active.task.kind, entry, reason) for entry in active.task.entries]
        self._done(active, [each.model_copy(update={"declined": True}) for each in failures])

    def _done(self, active: _ActiveTask, failures: Sequence[Failure]) -> None:
        self._release(active)
        active.done = True
        if active.task.kind in self._unfinished:
            self._unfinished[active.task.kind].discard(active.number)
        self._state.failures[active.number] = list(failures)
        self._state.save_now_and_then()
        self._observer.done(active.label, len(failures))


def _lease_name(task: Task) -> str:
    """Return the name of the lease that keeps other runs on the store from running a task."""
    return key_of(task=[task.kind, *(task.key(entry) for entry in task.entries)])[:32]
