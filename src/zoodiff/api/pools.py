"""The workers of one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.workers.limits import Limits


def workers(limits: Limits | None = None) -> WorkerPool:
    """Return a pool of workers for a ``with`` statement, which ends them."""
    from zoodiff.engines.pool import WorkerPool

    return WorkerPool(limits)
