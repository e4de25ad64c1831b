"""Choose the next job and its slot, for all engines.

Jobs that need the same workers are done in the same slots one after the other, so that a framework
is not started anew for each. Jobs that are to be alone come last, each on a node whose slots are
all free. A job that is lost with its slot is done again, a few times.
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
"""How often a job is started before it counts as the one that takes its slots down."""
_ASK_AGAIN = 1.0
_POLL = 0.5


class Waiting:
    """Jobs that are to be done, in groups of the same needs."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Affinity, ...], deque[Job]] = {}
        self._alone: deque[Job] = deque()
        self._needed: Counter[Affinity] = Counter()
        self._later: deque[tuple[float, Job]] = deque()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values())) + len(self._alone) + len(self._later)

    def add(self, job: Job, *, first: bool = False) -> None:
        """Add a job after the others of its group, or before them."""
        self._needed.update(job.needs)
        group = self._alone if job.alone else self._groups.setdefault(job.needs, deque())
        (group.appendleft if first else group.append)(job)

    def set_back(self, job: Job) -> None:
        """A job that cannot be done now; it is offered again after a while."""
        self._later.append((time.monotonic() + _ASK_AGAIN, job))

    def drop(self, unwanted: Callable[[Job], bool]) -> None:
        """Forget jobs that are not wanted any more."""
        kept = [job for group in self._groups.values() for job in group]
        kept += [*self._alone, *(job for _, job in self._later)]
        self._groups, self._alone, self._later = {}, deque(), deque()
        self._needed.clear()
        for job in kept:
            if not unwanted(job):
                self.add(job)

    @property
    def needed(self) -> set[Affinity]:
        """Workers that jobs are waiting for."""
        return set(self._needed)

    def take(self, warm: tuple[Affinity, ...], busy: Counter[tuple[Affinity, ...]]) -> Job | None:
        """The next job for a slot that did one with the needs ``warm`` before.

        One of the same needs, else of the group that the fewest slots are at, the first of these.
        """
        while self._later and self._later[0][0] <= time.monotonic():
            self.add(self._later.popleft()[1])
        if not self._groups:
            return None
        needs = warm if warm in self._groups else min(self._groups, key=lambda one: busy[one])
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
        self._needed += Counter()  # drops what is not needed any more
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
    """Jobs under way on an engine; more may be added while ``messages`` is gone through."""

    def __init__(
        self, engine: Engine, admit: Callable[[Job], Answer] = lambda job: Answer.YES
    ) -> None:
        self._engine, self._admit = engine, admit
        self.waiting = Waiting()
        self._running: dict[Slot, _Running] = {}
        self._warm: dict[Slot, tuple[Affinity, ...]] = {}
        self._tries: Counter[str] = Counter()

    def messages(self) -> Iterator[tuple[Job, Step | Partial | End]]:
        """Run all jobs; yield the messages of each, the last of which is ``End``.

        ``admit`` is asked before a job is begun, in this thread; one that may not begin is asked
        for again later. A job that was lost too often ends with a MeasurementError.
        """
        while True:
            self._fill()
            if not self._running:
                if not len(self.waiting):
                    return
                time.sleep(_POLL)  # what waits is held by somebody else
                continue
            for slot, message in self._engine.wait(_POLL):
                running = self._running.get(slot)
                if running is None:
                    continue
                if isinstance(message, Lost):
                    del self._running[slot]
                    self._warm.pop(slot, None)
                    yield from self._again(running, message)
                    continue
                if isinstance(message, End):
                    del self._running[slot]
                yield running.job, message

    def _again(self, running: _Running, lost: Lost) -> Iterator[tuple[Job, End]]:
        if running.tries < TRIES:
            self.waiting.add(running.job, first=True)
            return
        yield (
            running.job,
            End(
                {}, MeasurementError(f"it was lost {running.tries} times; the last: {lost.reason}")
            ),
        )

    def _fill(self) -> None:
        free = [slot for slot in self._engine.slots() if slot not in self._running]
        for slot in free:
            while slot not in self._running:
                if any(one.job.alone for s, one in self._running.items() if s.node == slot.node):
                    break
                busy = Counter(one.job.needs for one in self._running.values())
                job = self.waiting.take(self._warm.get(slot, ()), busy)
                if job is None:
                    break
                self._begin(slot, job)
        for slot in free:
            on_node = [one for one in self._running if one.node == slot.node]
            while not on_node and slot not in self._running:
                job = self.waiting.take_alone()
                if job is None:
                    return
                self._begin(slot, job)
                on_node = [one for one in self._running if one.node == slot.node]

    def _begin(self, slot: Slot, job: Job) -> None:
        answer = self._admit(job)
        if answer is not Answer.YES:
            if answer is Answer.LATER:
                self.waiting.set_back(job)
            return
        self._tries[job.name] += 1
        self._running[slot] = _Running(job, self._tries[job.name])
        self._warm[slot] = job.needs
        self._engine.start(slot, job, self.waiting.needed)
