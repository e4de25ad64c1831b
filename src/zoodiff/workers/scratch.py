"""Create the temporary folders of workers and of their parent, and remove those of killed runs.

A run removes its folders when it ends. The folders of a killed run remain, possibly in memory; the
next run removes them. A folder is in use while a process holds its lock, and a lock ends with its
process.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import secrets
import stat
import tempfile
import time
import weakref
from pathlib import Path

from zoodiff.workers.worker_env import in_memory

PREFIX = "zoodiff-worker-"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags that open a folder and refuse a link in its place."""
_FRESH_SECONDS = 60.0
"""Least age of a removed folder: a younger one may not be locked yet."""
_TRIES, _BETWEEN_TRIES = 50, 0.02


class Scratch:
    """A temporary folder, in memory if there is room, unless ``on_disk``."""

    def __init__(self, name: str, *, on_disk: bool = False) -> None:
        sweep_once()
        place = None if on_disk else in_memory()
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}-", dir=place))
        """The path of the folder."""
        lock = _locked(self.path)
        self._removed = weakref.finalize(self, _remove_own, self.path, lock, os.getpid())

    def close(self) -> None:
        """Remove the folder and its content; its writers must have ended."""
        self._removed()


def _remove_own(folder: Path, lock: int | None, owner: int) -> None:
    """Remove a folder of this process; does nothing in a forked process."""
    if owner != os.getpid():
        return
    # A killed process may write for some more milliseconds.
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            _empty_folder(folder)
            folder.rmdir()
        if not folder.exists():
            break
        time.sleep(_BETWEEN_TRIES)
    if lock is not None:
        os.close(lock)


@functools.cache
def sweep_once() -> None:
    """Call ``sweep`` once per process."""
    sweep()


def sweep() -> list[Path]:
    """Remove this user's folders of ended processes, and return their paths."""
    removed = []
    for place in {in_memory() or tempfile.gettempdir(), tempfile.gettempdir()}:
        with contextlib.suppress(OSError):
            removed += [
                folder for folder in sorted(Path(place).glob(f"{PREFIX}*")) if _remove(folder)
            ]
    return removed


def _remove(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        facts = folder.lstat()
        if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < _FRESH_SECONDS:
            return False
        lock = _locked(folder)
        if lock is not None:
            with contextlib.suppress(OSError):
                empty(lock)
                folder.rmdir()
            os.close(lock)
            return not folder.exists()
    return False


def _locked(folder: Path) -> int | None:
    """Return a descriptor with the folder's lock; None if another process has it."""
    descriptor = os.open(folder, FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _empty_folder(folder: Path) -> None:
    descriptor = os.open(folder, FOLDER)
    try:
        empty(descriptor)
    finally:
        os.close(descriptor)


def empty(folder: int) -> None:
    """Remove the content of a folder, given by its descriptor, at any depth.

    Inner folders are moved up before they are removed, so that neither Python's stack nor the
    number of open files limits the depth. No other process may be writing to the folder.
    """
    while True:
        with os.scandir(folder) as listed:
            names = [entry.name for entry in listed]
        if not names:
            return
        removed = 0
        for name in names:
            with contextlib.suppress(OSError):
                _remove_entry(name, folder)
                removed += 1
        if not removed:
            return


def _remove_entry(name: str, folder: int) -> None:
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(facts.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    if facts.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        _open_up(name, folder)
    inner = os.open(name, FOLDER, dir_fd=folder)
    try:
        with os.scandir(inner) as listed:
            below = [entry.name for entry in listed]
        for child in below:
            try:
                os.unlink(child, dir_fd=inner)
            except OSError:
                fresh = secrets.token_hex(16)
                os.rename(child, fresh, src_dir_fd=inner, dst_dir_fd=folder)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)


def _open_up(name: str, folder: int) -> None:
    """Give the owner all rights to an inner folder; a link in its place is refused."""
    if not hasattr(os, "O_PATH"):
        os.chmod(name, 0o700, dir_fd=folder)
        return
    place = os.open(name, FOLDER | os.O_PATH, dir_fd=folder)
    try:
        Path(f"/proc/self/fd/{place}").chmod(0o700)
    finally:
        os.close(place)
