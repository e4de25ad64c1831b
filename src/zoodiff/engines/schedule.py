"""Choose the next job and its slot, for all engines.

Jobs that need the same workers follow each other in a slot, so that a framework is not started
again for each job. Exclusive jobs come last, each on a node whose slots are all free. A job that is
lost with its slot is retried a few times.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from zoodiff.engines.base import Affinity, End, Engine, Job, Lost, Partial, Slot, Step
from zoodiff.errors import MeasurementError

TRIES = 3
"""Number of times that a job is started before it counts as the cause of its lost slots."""
_RETRY_SECONDS = 1.0
_POLL_SECONDS = 0.5


class JobQueue:
    """The queue of jobs, in groups of the same needs."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Affinity, ...], deque[Job]] = {}
        self._alone: deque[Job] = deque()
        self._needed: Counter[Affinity] = Counter()
        self._later: deque[tuple[float, Job]] = deque()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values())) + len(self._alone) + len(self._later)

    def add(self, job: Job, *, first: bool = False) -> None:
        """Add a job at the end of its group, or at the beginning."""
        self._needed.update(job.needs)
        group = self._alone if job.alone else self._groups.setdefault(job.needs, deque())
        (group.appendleft if first else group.append)(job)

    def postpone(self, job: Job) -> None:
        """Postpone a job that cannot be done now; ``take`` returns it again after a second."""
        self._later.append((time.monotonic() + _RETRY_SECONDS, job))

    def drop(self, unwanted: Callable[[Job], bool]) -> None:
        """Remove the jobs for which ``unwanted`` is true."""
        remaining = [job for group in self._groups.values() for job in group]
        remaining += [*self._alone, *(job for _, job in self._later)]
        self._groups, self._alone, self._later = {}, deque(), deque()
        self._needed.clear()
        for job in remaining:
            if not unwanted(job):
                self.add(job)

    @property
    def needed(self) -> set[Affinity]:
        """The workers that queued jobs need."""
        return set(self._needed)

    def take(self, warm: tuple[Affinity, ...], busy: Counter[tuple[Affinity, ...]]) -> Job | None:
        """Return the next job for a slot whose last job had the needs ``warm``; None if none.

        The job has the same needs if possible, else it comes from the first of the groups that the
        fewest slots are working on. ``busy`` counts these slots by needs.
        """
        while self._later and self._later[0][0] <= time.monotonic():
            self.add(self._later.popleft()[1])
        if not self._groups:
            return None
        needs = warm if warm in self._groups else min(self._groups, key=busy.__getitem__)
        group = self._groups[needs]
        job = group.popleft()
        if not group:
            del self._groups[needs]
        return self._taken(job)

    def take_alone(self) -> Job | None:
        """Return the next exclusive job, if no other job can start."""
        if self._groups or not self._alone:
            return None
        return self._taken(self._alone.popleft())

    def _taken(self, job: Job) -> Job:
        self._needed.subtract(job.needs)
        self._needed += Counter()  # drops entries with a count of 0
        return job


@dataclass
class _Running:
    job: Job
    tries: int


class Answer(Enum):
    """Whether a job may begin."""

    YES = "yes"
    LATER = "later"
    NOT_NEEDED = "not needed"


class Run:
    """Jobs under way on an engine; more may be added while ``messages`` is iterated."""

    def __init__(
        self, engine: Engine, admit: Callable[[Job], Answer] = lambda job: Answer.YES
    ) -> None:
        self._engine, self._admit = engine, admit
        self.waiting = JobQueue()
        self._running: dict[Slot, _Running] = {}
        self._warm: dict[Slot, tuple[Affinity, ...]] = {}
        self._tries: Counter[str] = Counter()

    def messages(self) -> Iterator[tuple[Job, Step | Partial | End]]:
        """Run all jobs; yield the messages of each, the last of which is ``End``.

        Before a job starts, ``admit`` is called in this thread; for ``Answer.LATER`` it is called
        again later. A job that was lost too often ends with a MeasurementError.
        """
        while True:
            self._fill_slots()
            if not self._running:
                if not len(self.waiting):
                    return
                time.sleep(_POLL_SECONDS)  # another run holds the leases of all queued jobs
                continue
            for slot, message in self._engine.wait(_POLL_SECONDS):
                running = self._running.get(slot)
                if running is None:
                    continue
                if isinstance(message, Lost):
                    del self._running[slot]
                    self._warm.pop(slot, None)
                    yield from self._retry(running, message)
                    continue
                if isinstance(message, End):
                    del self._running[slot]
                yield running.job, message

    def _retry(self, running: _Running, lost: Lost) -> Iterator[tuple[Job, End]]:
        if running.tries < TRIES:
            self.waiting.add(running.job, first=True)
            return
        yield (
            running.job,
            End(
                {}, MeasurementError(f"it was lost {running.tries} times; the last: {lost.reason}")
            ),
        )

    def _fill_slots(self) -> None:
        free = [slot for slot in self._engine.slots() if slot not in self._running]
        for slot in free:
            while slot not in self._running:
                if any(
                    self._running[busy_slot].job.alone for busy_slot in self._busy_on(slot.node)
                ):
                    break
                busy = Counter(running.job.needs for running in self._running.values())
                job = self.waiting.take(self._warm.get(slot, ()), busy)
                if job is None:
                    break
                self._begin(slot, job)
        for slot in free:
            while not self._busy_on(slot.node):
                job = self.waiting.take_alone()
                if job is None:
                    return
                self._begin(slot, job)

    def _busy_on(self, node: str) -> list[Slot]:
        """Return the slots of a node that run a job."""
        return [slot for slot in self._running if slot.node == node]

    def _begin(self, slot: Slot, job: Job) -> None:
        answer = self._admit(job)
        if answer is not Answer.YES:
            if answer is Answer.LATER:
                self.waiting.postpone(job)
            return
        self._tries[job.name] += 1
        self._running[slot] = _Running(job, self._tries[job.name])
        self._warm[slot] = job.needs
        self._engine.start(slot, job, self.waiting.needed)
