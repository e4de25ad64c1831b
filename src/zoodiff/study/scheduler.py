"""Run the tasks of a study by an engine and record the results."""

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
from zoodiff.store.records import Failure, key_of
from zoodiff.study import serialization
from zoodiff.study.explanations import ExplanationTask, pairs_to_explain
from zoodiff.study.jobs import failure, job_of, work
from zoodiff.study.state import DIVIDED, State, finished
from zoodiff.tasks import Finished, Task


class Observer(Protocol):
    """Observes the progress of a run; the command draws a progress bar from it.

    Several tasks may be under way at a time; their labels tell them apart.
    """

    def begin(self, tasks: int, finished: int) -> None:
        """A run starts with this many tasks, some of which are finished."""

    def task(self, label: str) -> None:
        """A task begins."""

    def step(self, label: str, done: int, of: int) -> None:
        """A part of the task is done."""

    def waits(self, label: str, holder: str) -> None:
        """Another run holds the lease of the task; the job is retried later."""

    def done(self, label: str, failures: int) -> None:
        """The task ended, with this many entries that could not be measured."""


class Divided(Protocol):
    """A task that is cut into jobs when its turn comes, such as a pass over a data set."""

    @property
    def lease(self) -> str | None:
        """What is to be held meanwhile; None where nothing can be done."""
        ...

    def find_pending(self) -> bool:
        """See what is missing, and return whether anything is; the lease is held."""
        ...

    def jobs(self, name: str, slots: int, cores: int) -> list[Job]:
        """Return the jobs of what is missing, for so many slots of so many cores each."""
        ...

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Keep a part that came in; return how much is done, and of how much."""
        ...

    def end(self, data: Mapping[str, Any]) -> None:
        """A job has ended, with this."""
        ...

    def finish(self) -> Finished:
        """Return what came of it; raises MeasurementError where nothing can be made of it."""
        ...


@dataclass
class _UnderWay:
    """A task that is being done, in one job or in several."""

    number: int
    task: Task
    label: str
    parts: Divided | None = None
    """Set when a task in parts is opened."""
    jobs: set[str] = field(default_factory=set)
    """Names of the jobs that are not done."""
    lease: Lease | None = None
    told: bool = False
    """Whether the observer knows that it has begun."""
    done: bool = False


class Working:
    """The tasks of a run that are not finished, on an engine."""

    def __init__(self, state: State, observer: Observer, choice: Choice) -> None:
        self._state, self._observer, self._choice = state, observer, choice
        self._of_job: dict[str, _UnderWay] = {}
        self._waits: set[str] = set()
        self._accuracy: set[int] = set()
        """Numbers of the tasks of accuracy."""
        self._unknown: set[int] = set()
        """Those of them that are not done, for which explanations wait."""
        self._pairs: list[PairRecords] | None = None
        """What is explained; None before all accuracy is known."""

    def go(self, waiting: Mapping[int, Task]) -> None:
        """Run all tasks; raise StoreError if records cannot be written."""
        tasks = [_UnderWay(number, task, task.label) for number, task in waiting.items()]
        self._unknown = {one.number for one in tasks if one.task.kind == "accuracy"}
        self._accuracy = set(self._unknown)
        try:
            for one in tasks:
                if one.task.kind == "accuracy":
                    self._open(one)
            for one in tasks:
                if one.task.kind == "explanation" and not self._unknown:
                    self._open(one)
            left = [one for one in tasks if not one.done]
            if left:
                engine = open_engine(self._choice, work)
                try:
                    self._work(engine, left)
                finally:
                    engine.close()
        finally:
            for one in tasks:
                self._release(one)

    def _work(self, engine: Engine, tasks: Sequence[_UnderWay]) -> None:
        running = Run(engine, lambda job: self._admit(job, engine, running))
        for one in tasks:
            name = f"{one.number}: {one.label}"
            # What is done in parts is cut into jobs when its turn comes, with the lease in hand.
            divided = one.task.kind in DIVIDED
            self._add(one, Job(name, {}) if divided else job_of(name, one.task), running)
        for job, message in running.messages():
            one = self._of_job[job.name]
            if job.name not in one.jobs:
                continue  # of a task that failed meanwhile
            if isinstance(message, Step):
                self._observer.step(one.label, message.done, message.of)
            elif isinstance(message, Partial):
                self._take_part(one, message)
            else:
                self._end(one, job, message, running)

    def _add(self, one: _UnderWay, job: Job, running: Run) -> None:
        one.jobs.add(job.name)
        self._of_job[job.name] = one
        running.waiting.add(job)

    def _admit(self, job: Job, engine: Engine, running: Run) -> Answer:
        """Whether a job may begin: not while another run has its task, nor once it is done."""
        one = self._of_job[job.name]
        if one.task.kind not in DIVIDED:
            return self._admit_single(one)
        if job.data:  # a part of a task that was cut
            self._begin(one)
            return Answer.YES
        return self._cut(one, job, engine, running)

    def _admit_single(self, one: _UnderWay) -> Answer:
        """A task that is one job."""
        if one.lease is not None:  # begun before, and lost
            return Answer.YES
        if not self._lease(one, _lease_name(one.task)):
            return Answer.LATER
        self._begin(one)
        state = self._state
        # Another run may have finished it since this one looked.
        found = None if state.fresh else finished(state.store, one.task, again=True)
        if found is None:
            return Answer.YES
        state.take(one.number, found)
        self._done(one, ())
        return Answer.NOT_NEEDED

    def _cut(self, one: _UnderWay, job: Job, engine: Engine, running: Run) -> Answer:
        """Put the jobs of a task in the place of the one that stood for it."""
        if one.task.kind == "explanation" and one.parts is None:
            if self._unknown:
                return Answer.LATER
            self._open(one)
            if one.done:
                return Answer.NOT_NEEDED
        if one.parts is None or not self._lease(one, one.parts.lease):
            return Answer.LATER
        one.jobs.discard(job.name)
        self._begin(one)
        if one.parts.find_pending():
            for part in one.parts.jobs(job.name, len(engine.slots()), engine.cores):
                self._add(one, part, running)
        if not one.jobs:
            self._finish_parts(one)
        return Answer.NOT_NEEDED

    def _open(self, one: _UnderWay) -> None:
        """Open a task that is done in parts, and finish it where nothing is left to do."""
        try:
            one.parts = self._parts_of(one.task)
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(one, error)
            return
        if self._lease(one, one.parts.lease) and not one.parts.find_pending():
            self._begin(one)
            self._finish_parts(one)

    def _parts_of(self, task: Task) -> Divided:
        """A task in parts; raises UsageError for a data set that cannot be opened."""
        store, fresh = self._state.store, self._state.fresh
        if task.kind == "accuracy":
            return ImagePass(task, store, self._choice.limits, fresh=fresh)
        if self._pairs is None:
            names = [
                name for k in sorted(self._accuracy) for name in self._state.records.get(k, ())
            ]
            records = [record for record in map(store.get, names) if record is not None]
            self._pairs = pairs_to_explain(records, store)
        return ExplanationTask(task, self._pairs, store, fresh=fresh)

    def _lease(self, one: _UnderWay, name: str | None) -> bool:
        """Take the lease of a task unless it is held already; return whether it is held now."""
        if one.lease is None and name is not None:
            one.lease = self._state.store.leases.take(name)
            if one.lease is None and one.label not in self._waits:
                self._waits.add(one.label)
                self._observer.waits(one.label, self._state.store.leases.holder(name))
        return one.lease is not None or name is None

    def _release(self, one: _UnderWay) -> None:
        lease, one.lease = one.lease, None
        if lease is not None:
            lease.release()

    def _begin(self, one: _UnderWay) -> None:
        if not one.told:
            one.told = True
            self._observer.task(one.label)

    def _take_part(self, one: _UnderWay, message: Partial) -> None:
        assert one.parts is not None
        self._observer.step(one.label, *one.parts.take(message.data))

    def _end(self, one: _UnderWay, job: Job, message: End, running: Run) -> None:
        one.jobs.discard(job.name)
        if message.error is not None:
            if not isinstance(message.error, ZoodiffError) or isinstance(message.error, StoreError):
                raise message.error
            one.jobs.clear()
            running.waiting.drop(lambda other: self._of_job[other.name] is one)
            self._failed(one, message.error)
        elif one.parts is None:
            self._record(one, message.data)
        else:
            one.parts.end(message.data)
            if not one.jobs:
                self._finish_parts(one)

    def _record(self, one: _UnderWay, data: Mapping[str, Any]) -> None:
        """Write the records of a task; the only place that writes records."""
        product, state = serialization.product_of(data), self._state
        state.records[one.number] = [
            state.store.put(record, attachment) for record, attachment in product.records
        ]
        state.measured += len(product.records)
        state.versions |= product.versions
        self._done(one, product.failures)

    def _finish_parts(self, one: _UnderWay) -> None:
        assert one.parts is not None
        state = self._state
        try:
            outcome = one.parts.finish()
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(one, error)
            return
        state.records[one.number] = [state.store.name_of(record) for record in outcome.records]
        state.measured += outcome.measured
        state.reused += len(outcome.records) - outcome.measured
        self._done(one, outcome.failures)

    def _failed(self, one: _UnderWay, error: ZoodiffError) -> None:
        self._begin(one)
        self._done(one, [failure(one.task.kind, e, str(error)) for e in one.task.entries])

    def _done(self, one: _UnderWay, failures: Sequence[Failure]) -> None:
        self._release(one)
        one.done = True
        self._unknown.discard(one.number)
        self._state.failures[one.number] = list(failures)
        self._state.save_now_and_then()
        self._observer.done(one.label, len(failures))


def _lease_name(task: Task) -> str:
    """Names a task, so that another run on the same store leaves it alone."""
    return key_of(task=[task.kind, *(task.key(entry) for entry in task.entries)])[:32]
