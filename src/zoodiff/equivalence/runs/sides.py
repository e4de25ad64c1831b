"""The two entries of a comparison, each with its workers, asked at the same time where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from zoodiff.cores import count_usable_cores
from zoodiff.engines.pool import WorkerPool
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

_COPIES = 6
"""Bytes that loading, running and reading a network take, per byte of its weights."""
_FLOAT = 4
"""Bytes of a weight in single precision."""
_Result = TypeVar("_Result")
Ask = Callable[[WorkerPool, Entry], _Result]
"""A question to one entry, answered by a worker of the pool."""


class Sides:
    """Two entries and the pool of workers of each.

    With one pool for both, the second entry is asked after the first. ``threads`` is the number of
    threads that each network may use, ``unread`` has a sentence for each input that nothing reads.
    """

    def __init__(
        self,
        entries: tuple[Entry, Entry],
        pools: tuple[WorkerPool, WorkerPool],
        executor: ThreadPoolExecutor | None = None,
        unread: tuple[str, ...] = (),
    ) -> None:
        self.entries = entries
        self.pools = pools
        self.unread = unread
        self._executor = executor
        self.threads = 2 if executor is None or count_usable_cores() >= 4 else 1

    def with_entries(self, entries: tuple[Entry, Entry]) -> Sides:
        """Return the same workers for two other entries of the same zoos."""
        return Sides(entries, self.pools, self._executor, self.unread)

    def with_unread(self, unread: tuple[str, ...]) -> Sides:
        """Return the same entries and workers with the inputs that nothing reads."""
        return Sides(self.entries, self.pools, self._executor, unread)

    def ask(self, question: Ask[_Result], parameters: int = 0) -> tuple[_Result, _Result]:
        """Return the answers of both entries.

        Both are asked at the same time, unless networks with so many ``parameters`` in all would
        not fit into memory together. Of two errors the first entry's is raised.
        """
        (first, second), (a, b) = self.pools, self.entries
        if self._executor is None or not _fits(self.entries, parameters):
            return question(first, a), question(second, b)
        waiting = self._executor.submit(question, second, b)
        try:
            return question(first, a), waiting.result()
        except Exception:
            waiting.exception()  # the pools must be idle before the caller asks again
            raise
        except BaseException:
            second.interrupt()
            raise


@contextmanager
def sides(pool: WorkerPool, a: Entry, b: Entry, *, concurrent: bool) -> Iterator[Sides]:
    """Give two entries their workers; with ``concurrent``, and two cores, each its own pool.

    Two objects of this process wait for each other: frameworks cannot trace two at a time.
    """
    apart = a.takes_weights or b.takes_weights
    second = pool.second_pool() if concurrent and apart and count_usable_cores() > 1 else pool
    if second is pool:
        yield Sides((a, b), (pool, pool))
        return
    # Workers end with the thread that started them, so the thread outlives the pool.
    with ThreadPoolExecutor(max_workers=1) as executor, second:
        yield Sides((a, b), (pool, second), executor)


def _fits(entries: Sequence[Entry], parameters: int) -> bool:
    """Whether both networks may be in memory together, as far as their sizes are known."""
    import psutil

    files = sum(entry.stamp[0] for entry in entries if isinstance(entry, FileEntry))
    weights = max(files, parameters * _FLOAT)
    available: int = psutil.virtual_memory().available
    return weights * _COPIES < available
