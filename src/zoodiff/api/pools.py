"""The workers of one call."""

from __future__ import annotations

from zoodiff.engines.pool import WorkerPool
from zoodiff.workers.process import Limits


def workers(limits: Limits | None = None) -> WorkerPool:
    """Return a pool of workers, which ends with the ``with`` statement that it is used in."""
    return WorkerPool(limits)
