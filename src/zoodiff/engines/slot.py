"""A slot: a thread with its own workers that runs one job after the other.

Linux ends a worker when the thread that started it ends, so the thread lives as long as its
workers. Both engines use it: ``local`` has several in this process, ``ray`` one per process of the
cluster.
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
    """A thread that runs jobs; it calls ``send`` with every message of a job."""

    def __init__(self, work: Work, limits: Limits | None, send: Callable[[Message], None]) -> None:
        self._work, self._send = work, send
        self._closing = False
        self._pool = WorkerPool(limits)
        self._jobs: queue.SimpleQueue[tuple[Job, frozenset[Affinity]] | tuple[()] | None] = (
            queue.SimpleQueue()
        )
        self._thread = thread(self._run, daemon=True)
        self._thread.start()

    def start(self, job: Job, keep: Collection[Affinity]) -> None:
        """Queue a job; before it runs, workers are ended that neither it nor ``keep`` needs."""
        self._jobs.put((job, frozenset(keep)))

    def end_workers(self) -> None:
        """End the workers of an idle slot."""
        self._jobs.put(())

    def close(self) -> None:
        """End the workers, which ends the running job, and then the thread."""
        self._closing = True
        self._jobs.put(None)
        self._pool.interrupt()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            while (item := self._jobs.get()) is not None:
                if not item:
                    self._pool.keep(())
                    continue
                job, keep = item
                try:
                    self._pool.keep({*job.needs, *keep})
                    data = self._work(self._pool, job.data, self._forward)
                except BaseException as error:
                    self._send(End({}, error))
                else:
                    self._send(End(data))
        finally:
            self._pool.close()

    def _forward(self, message: Step | Partial) -> None:
        """Forward a message of a job; raise WorkerError to end the job if the slot is closing."""
        if self._closing:
            raise WorkerError("the run is being ended")
        self._send(message)
