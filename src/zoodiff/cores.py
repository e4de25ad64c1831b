"""The cores of the machine that this process may run on."""

from __future__ import annotations

import contextlib
import os


def usable_cores() -> tuple[int, ...] | None:
    """The numbers of the cores, in order; None where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    with contextlib.suppress(OSError):
        return tuple(sorted(os.sched_getaffinity(0)))
    return None


def count_usable_cores() -> int:
    """How many cores they are, at least one."""
    return len(usable_cores() or ()) or os.cpu_count() or 1
