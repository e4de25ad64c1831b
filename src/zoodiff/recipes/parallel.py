"""Work in several threads, each with its own workers, and a count of what is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


Step = Callable[[str, int, int], None]
"""Is called with what is being done, the number done, and of how many."""


class Counter:
    """Counts finished work of several threads."""

    def __init__(self, activity: str, done: int, total: int, step: Step) -> None:
        self._activity, self._done, self._total, self._step = activity, done, total, step
        self._lock = threading.Lock()
        self.advance(0)

    def advance(self, number: int = 1) -> None:
        """Add finished work and show the progress."""
        with self._lock:
            self._done += number
            self._step(self._activity, self._done, self._total)


def chunks(groups: Mapping[Hashable, Sequence[T]], size: int) -> list[Sequence[T]]:
    """Return parts of at most ``size`` members of one group, the largest groups first."""
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [
        members[first : first + size]
        for members in ordered
        for first in range(0, len(members), size)
    ]


def turned(parts: Sequence[Sequence[T]], share: float) -> list[Sequence[T]]:
    """Return parts beginning behind a share of them, from 0 to below 1.

    >>> turned([[1], [2], [3], [4]], 0.5)
    [[3], [4], [1], [2]]
    """
    first = int(share * len(parts))
    return [*parts[first:], *parts[:first]]


def in_threads(
    work: Callable[[Sequence[T]], None], parts: Sequence[Sequence[T]], jobs: int
) -> None:
    """Run parts in threads; workers must not outlive the thread that started them."""
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as threads:
        futures = [threads.submit(work, part) for part in parts]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise
