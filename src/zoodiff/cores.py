"""The cores of the machine that this process may run on."""

from __future__ import annotations

import contextlib
import os


def usable_cores() -> tuple[int, ...] | None:
    """Return the sorted core numbers; None where the system has no way to list them."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    with contextlib.suppress(OSError):
        return tuple(sorted(os.sched_getaffinity(0)))
    return None


def count_usable_cores() -> int:
    """Return the number of usable cores, at least 1."""
    return len(usable_cores() or ()) or os.cpu_count() or 1
