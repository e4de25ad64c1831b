"""The limits of workers, and the files whose code they may run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoodiff.workers.limits import Limits

__all__ = ["SECONDS", "allow_code", "worker_limits"]

SECONDS = 900.0
"""Longest time of one request, where nobody says another; the same as ``Limits`` has."""


def worker_limits(seconds: float = SECONDS, gigabytes: float | None = None) -> Limits:
    """Return limits of a worker: seconds of one request, and memory (None: 80 % of all)."""
    from zoodiff.workers.limits import Limits

    return Limits(seconds, None if gigabytes is None else max(1, int(gigabytes * 1e9)))


def allow_code(file: str | Path) -> str:
    """Let the code in a file run, as it is now, and return its SHA-256.

    Concerns TorchScript and Keras files with code; once for each content. Raises UsageError where
    the file cannot be read or the permission not be written.
    """
    from zoodiff.workers import permissions

    return permissions.allow(Path(file))
