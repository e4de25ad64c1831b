"""A slot: a thread with its own workers that runs one job after the other.

Linux ends workers together with the thread that started them, so the thread lives as long as they
are to be kept. Both engines use it: ``local`` has several in this process, ``ray`` one in each
process of the cluster.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection

from zoodiff.engines.base import Affinity, End, Job, Message, Partial, Step, Work
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import WorkerError
from zoodiff.workers.limits import Limits
from zoodiff.workers.threads import thread


class SlotThread:
    """One thread that does jobs; ``say`` is called in it with everything that there is to say."""

    def __init__(self, work: Work, limits: Limits | None, say: Callable[[Message], None]) -> None:
        self._work, self._tell = work, say
        self._ends = False
        self._pool = WorkerPool(limits)
        self._jobs: queue.SimpleQueue[tuple[Job, frozenset[Affinity]] | tuple[()] | None] = (
            queue.SimpleQueue()
        )
        self._thread = thread(self._run, daemon=True)
        self._thread.start()

    def start(self, job: Job, keep: Collection[Affinity]) -> None:
        """Hand a job in."""
        self._jobs.put((job, frozenset(keep)))

    def rest(self) -> None:
        """End the workers of a slot that has nothing to do for a while."""
        self._jobs.put(())

    def close(self) -> None:
        """End the workers, and with them the job that is being done; then the thread."""
        self._ends = True
        self._jobs.put(None)
        self._pool.interrupt()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            while (given := self._jobs.get()) is not None:
                if not given:
                    self._pool.keep(())
                    continue
                job, keep = given
                try:
                    self._pool.keep({*job.needs, *keep})
                    data = self._work(self._pool, job.data, self._say)
                except BaseException as error:
                    self._tell(End({}, error))
                else:
                    self._tell(End(data))
        finally:
            self._pool.close()

    def _say(self, message: Step | Partial) -> None:
        """Forward a message of a job; a job that should end is told so in return."""
        if self._ends:
            raise WorkerError("the run is being ended")
        self._tell(message)
