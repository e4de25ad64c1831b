"""Choose the cores of a process: the same for all entries, in rotation over processes.

Cores differ in speed at any moment, because their clocks, caches and other load differ. If the
scheduler chose a core per process, that difference would be noise in every ratio; on the same core
it cancels within the round. Moving to another core between rounds would gain nothing, since the
first block there starts with cold caches. So a process stays on its cores, and the next set of
processes runs on other cores.
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
"""The cores of one set of processes after another; None: the system chooses."""


def available() -> list[int]:
    """Return the cores that this process may run on; empty if the system does not report them."""
    return list(usable_cores() or ())


def places(threads: int, rng: np.random.Generator) -> Places:
    """Yield sets of ``threads`` neighbouring cores without end, each core equally often.

    Yields None if there are no more cores than threads.
    """
    cores = available()
    while True:
        if not 0 < threads < len(cores):
            yield None
            continue
        for start in rng.permutation(len(cores)):
            yield frozenset(cores[(start + k) % len(cores)] for k in range(threads))


@contextmanager
def avoid(place: frozenset[int] | None) -> Iterator[None]:
    """Move the calling thread, which schedules the rounds, to cores outside ``place``.

    Without other cores, or without permission, it keeps its cores. They are restored at the end.
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
