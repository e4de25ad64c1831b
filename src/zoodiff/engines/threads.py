"""The engine ``local``: slots in this process, each a thread with its own workers."""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Sequence

from zoodiff.cores import count_usable_cores
from zoodiff.engines.base import Affinity, Job, Message, Slot, Work
from zoodiff.engines.slot import SlotThread
from zoodiff.workers.limits import Limits

_HERE = "this machine"


class LocalEngine:
    """An engine with a fixed number of slots on this machine."""

    name = "local"

    def __init__(self, work: Work, *, jobs: int = 1, limits: Limits | None = None) -> None:
        self._messages: queue.SimpleQueue[tuple[Slot, Message]] = queue.SimpleQueue()
        self._threads: dict[Slot, SlotThread] = {}
        jobs = max(1, jobs)
        self.cores = max(1, count_usable_cores() // jobs)
        for number in range(jobs):
            slot = Slot(number, _HERE)
            self._threads[slot] = SlotThread(work, limits, self._sender(slot))

    def slots(self) -> Sequence[Slot]:
        """Return the slots, which never change."""
        return list(self._threads)

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        """Start a job; an exclusive one first ends the workers of other slots."""
        if job.alone:
            for neighbour, thread in self._threads.items():
                if neighbour != slot:
                    thread.end_workers()
        self._threads[slot].start(job, keep)

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        """Return the messages since the last call; wait up to ``seconds`` for the first."""
        try:
            messages = [self._messages.get(timeout=seconds)]
        except queue.Empty:
            return []
        while not self._messages.empty():
            messages.append(self._messages.get())
        return messages

    def close(self) -> None:
        """End all threads and their workers."""
        threads, self._threads = list(self._threads.values()), {}
        for thread in threads:
            thread.close()

    def _sender(self, slot: Slot) -> Callable[[Message], None]:
        return lambda message: self._messages.put((slot, message))
