"""The folder that a worker and its parent share arrays in, and what killed runs left of theirs.

A run that ends in any usual way removes its folders. One that is killed cannot; its folders lie in
memory, so the next run removes them. A folder is in use as long as somebody holds its lock, and a
lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from pathlib import Path

from zoodiff.workers.given import in_memory

PREFIX = "zoodiff-worker-"
_FRESH_SECONDS = 60.0
"""A younger folder may be about to be locked."""


class Scratch:
    """A folder of its own, in memory where there is room."""

    def __init__(self, name: str) -> None:
        sweep_once()
        self._folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{name}-", dir=in_memory())
        self._lock = _locked(self.path)

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self._folder.name)

    def close(self) -> None:
        """Remove it with what lies in it."""
        self._folder.cleanup()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@functools.cache
def sweep_once() -> None:
    """``sweep`` the first time that this process asks for it."""
    sweep()


def sweep() -> list[Path]:
    """Remove folders of this user's whose processes are gone; return what was removed."""
    removed = []
    for place in {in_memory() or tempfile.gettempdir(), tempfile.gettempdir()}:
        with contextlib.suppress(OSError):
            removed += [one for one in sorted(Path(place).glob(f"{PREFIX}*")) if _remove(one)]
    return removed


def _remove(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        facts = folder.lstat()
        if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < _FRESH_SECONDS:
            return False
        lock = _locked(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            return True
    return False


def _locked(folder: Path) -> int | None:
    """A descriptor with the folder's lock; None where somebody else has it."""
    found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(found)
        return None
    return found
