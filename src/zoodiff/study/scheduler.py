"""Have the tasks of a run done by an engine, and record what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoodiff.accuracy.sharding import ImagePass
from zoodiff.engines.base import End, Engine, Job, Partial, Step
from zoodiff.engines.choose import Choice, open_engine
from zoodiff.engines.schedule import Answer, Run
from zoodiff.errors import StoreError, ZoodiffError
from zoodiff.store.leases import Lease
from zoodiff.store.records import Failure, key_of
from zoodiff.study import serialization
from zoodiff.study.jobs import failure, job_of, work
from zoodiff.study.state import State, finished
from zoodiff.tasks import Task


class Observer(Protocol):
    """Is told how a run goes; the command draws a progress bar from it.

    Several tasks may be under way at a time; their labels tell them apart.
    """

    def begin(self, tasks: int, finished: int) -> None:
        """The run has this many tasks, of which so many were found finished."""

    def task(self, label: str) -> None:
        """A task begins."""

    def step(self, label: str, done: int, of: int) -> None:
        """A part of the task is done."""

    def waits(self, label: str, holder: str) -> None:
        """Another run, which is named, is at work on the task; it is asked for again."""

    def done(self, label: str, failures: int) -> None:
        """The task ended, with this many entries that could not be measured."""


@dataclass
class _UnderWay:
    """A task that is being done, in one job or in several."""

    number: int
    task: Task
    label: str
    images: ImagePass | None = None
    jobs: set[str] = field(default_factory=set)
    """Names of the jobs that are not done."""
    lease: Lease | None = None
    told: bool = False
    """Whether the observer knows that it has begun."""


class Working:
    """The tasks of a run that are not finished, on an engine."""

    def __init__(self, state: State, observer: Observer, choice: Choice) -> None:
        self._state, self._observer, self._choice = state, observer, choice
        self._of_job: dict[str, _UnderWay] = {}
        self._waits: set[str] = set()

    def go(self, waiting: Mapping[int, Task]) -> None:
        """Do all tasks; raises StoreError where nothing more can be recorded."""
        tasks = [_UnderWay(number, task, task.label) for number, task in waiting.items()]
        try:
            left = [
                one
                for one in tasks
                if not (one.task.kind == "accuracy" and self._done_already(one))
            ]
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
            # A pass over images is cut into jobs when its turn comes, with the lease in hand.
            job = (
                job_of(f"{one.number}: {one.label}", one.task)
                if one.task.kind != "accuracy"
                else Job(f"{one.number}: {one.label}", {})
            )
            self._add(one, job, running)
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
        if one.task.kind != "accuracy":
            return self._admit_single(one)
        if job.data:  # a shard, whose pass is being made
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
        """Put the shards of a pass in the place of the job that stood for it."""
        if one.images is None or not self._lease(one, one.images.lease):
            return Answer.LATER
        one.jobs.discard(job.name)
        self._begin(one)
        if one.images.look():
            for shard in one.images.jobs(job.name, len(engine.slots()), engine.cores):
                self._add(one, shard, running)
        if not one.jobs:
            self._finish_images(one)
        return Answer.NOT_NEEDED

    def _done_already(self, one: _UnderWay) -> bool:
        """Open a data set; whether nothing is left to do then."""
        try:
            one.images = ImagePass(
                one.task, self._state.store, self._choice.limits, fresh=self._state.fresh
            )
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(one, error)
            return True
        if not self._lease(one, one.images.lease):
            return False
        if one.images.look():
            return False
        self._begin(one)
        self._finish_images(one)
        return True

    def _lease(self, one: _UnderWay, name: str | None) -> bool:
        """Take the lease of a task, where it is not held yet; whether it is held now."""
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
        assert one.images is not None
        self._observer.step(one.label, *one.images.take(message.data))

    def _end(self, one: _UnderWay, job: Job, message: End, running: Run) -> None:
        one.jobs.discard(job.name)
        if message.error is not None:
            if not isinstance(message.error, ZoodiffError) or isinstance(message.error, StoreError):
                raise message.error
            one.jobs.clear()
            running.waiting.drop(lambda other: self._of_job[other.name] is one)
            self._failed(one, message.error)
        elif one.images is None:
            self._record(one, message.data)
        else:
            one.images.end(message.data)
            if not one.jobs:
                self._finish_images(one)

    def _record(self, one: _UnderWay, data: Mapping[str, Any]) -> None:
        """Write what a task brought; nothing else writes records."""
        product, state = serialization.product_of(data), self._state
        state.records[one.number] = [
            state.store.put(record, attachment) for record, attachment in product.records
        ]
        state.measured += len(product.records)
        state.versions |= product.versions
        self._done(one, product.failures)

    def _finish_images(self, one: _UnderWay) -> None:
        assert one.images is not None
        state = self._state
        try:
            outcome = one.images.finish()
        except StoreError:
            raise
        except ZoodiffError as error:
            self._failed(one, error)
            return
        state.records[one.number] = [state.store.name_of(record) for record in outcome.records]
        if outcome.images_per_second is None:
            state.reused += len(outcome.records)
        else:
            state.measured += len(outcome.records)
        self._done(one, outcome.failures)

    def _failed(self, one: _UnderWay, error: ZoodiffError) -> None:
        self._begin(one)
        self._done(one, [failure(one.task.kind, e, str(error)) for e in one.task.entries])

    def _done(self, one: _UnderWay, failures: Sequence[Failure]) -> None:
        self._release(one)
        self._state.failures[one.number] = list(failures)
        self._state.save_now_and_then()
        self._observer.done(one.label, len(failures))


def _lease_name(task: Task) -> str:
    """Names a task, so that another run on the same store leaves it alone."""
    return key_of(task=[task.kind, *(task.key(entry) for entry in task.entries)])[:32]
