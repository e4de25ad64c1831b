"""Set the limits of workers, and permit the code in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoodiff.workers.limits import Limits

__all__ = ["SECONDS", "allow_code", "worker_limits"]

SECONDS = 900.0
"""Default time limit of one request, seconds; equal to the default of ``Limits``."""


def worker_limits(seconds: float = SECONDS, gigabytes: float | None = None) -> Limits:
    """Return a worker's limits: seconds per request, and memory (None: 80 % of the machine's)."""
    from zoodiff.workers.limits import Limits

    return Limits(seconds, None if gigabytes is None else max(1, int(gigabytes * 1e9)))


def allow_code(file: str | Path) -> str:
    """Permit the code in a file or folder to run, and return its SHA-256.

    For TorchScript and Keras files with code, and folders with a ``hubconf.py``. The permission
    ends when the content changes. Raises UsageError if the file cannot be read or the permission
    cannot be written.
    """
    from zoodiff.workers import permissions

    return permissions.allow(Path(file))
