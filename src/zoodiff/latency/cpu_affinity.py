"""Choose the cores of a process: the same for all entries, in rotation over processes.

Cores are not equally fast at any moment: neighbours, clocks and caches differ. Where every process
wakes up on a core of the scheduler's choice, that difference is noise in every ratio; on one core
it cancels within the round. Moving from core to core between rounds would cost as much as it gives,
since the first to come finds a cold one; so a fresh process stays where it is put, and the next one
is put elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from zoodiff.cores import usable_cores

if TYPE_CHECKING:
    import numpy as np

Places = Iterator["frozenset[int] | None"]
"""The cores of one set of processes after the other; None: wherever the system likes."""


def available() -> list[int]:
    """The cores that this process may run on; none where the system does not tell."""
    return list(usable_cores() or ())


def places(threads: int, rng: np.random.Generator) -> Places:
    """As many neighbouring cores as threads, equally often each, without end.

    None for as many threads as cores, or more.
    """
    cores = available()
    while True:
        if not 0 < threads < len(cores):
            yield None
            continue
        for start in rng.permutation(len(cores)):
            yield frozenset(cores[(start + k) % len(cores)] for k in range(threads))


@contextmanager
def off(place: frozenset[int] | None) -> Iterator[None]:
    """Move the calling thread, which schedules the rounds, to other cores.

    Where there are no others, or without permission, it stays where it is.
    """
    before = available()
    others = set(before) - (place or set())
    if place is None or not others:
        yield
        return
    with suppress(OSError):
        os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setaffinity(0, before)
