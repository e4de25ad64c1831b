"""Leases keep two runs on one store from measuring the same task twice.

A lease only saves work: it blocks no write, and records cannot damage each other. A lease that
fails therefore costs one repeated measurement.

In a folder a lease is a lock of the operating system, which ends with its process. At an address a
lease is an object that its owner rewrites at every beat; another run takes it over after it has
seen it unchanged for ``PATIENCE`` beats by its own monotonic clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoodiff.bounded.files import read_bytes
from zoodiff.errors import StoreError
from zoodiff.store.files import Files, LocalFiles

if TYPE_CHECKING:
    from filelock import BaseFileLock

FOLDER = "leases"
BEAT = 10.0
"""Seconds between two beats of a lease at an address."""
PATIENCE = 6
"""Missed beats after which a lease is taken over."""
_POLL = 0.5
_LARGEST = 4096
"""Bytes of a lease's content, which describes its owner."""


class Lease(Protocol):
    """The claim of a process on a task, until it is released."""

    def release(self) -> None:
        """Release the lease; safe to call twice."""
        ...


class Leases(Protocol):
    """The leases of a store, taken by name."""

    def take(self, name: str) -> Lease | None:
        """Take a lease; None if another process has it."""
        ...

    def holder(self, name: str) -> str:
        """The owner of the lease, in words."""
        ...


def leases_of(files: Files) -> Leases:
    """Return the leases for the files of a store."""
    return LocalLeases(files.root) if isinstance(files, LocalFiles) else BeatingLeases(files)


@contextlib.contextmanager
def waiting_for(leases: Leases, name: str) -> Iterator[None]:
    """Hold a lease during the block; wait while another process has it."""
    while (lease := leases.take(name)) is None:
        time.sleep(_POLL)
    try:
        yield
    finally:
        lease.release()


class LocalLeases:
    """Locks of the operating system on files in a folder."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER

    def take(self, name: str) -> Lease | None:
        """Take a lease; None if another process has it. Raises StoreError for a read-only folder.

        On a file system without locks, filelock falls back to lock files with heartbeats.
        """
        from filelock import FileLock, Timeout

        path = self._folder / f"{name}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path, timeout=0, thread_local=False)
            lock.acquire()
            _write(path, _owner())
        except Timeout:
            return None
        except OSError as error:
            raise StoreError(
                f"cannot write the results folder {self._folder.parent} "
                f"({error.strerror or error}); make room or permit writing there, or name another "
                "folder with --results"
            ) from None
        return _Locked(lock, path)

    def holder(self, name: str) -> str:
        """The owner of the lease, in words."""
        with contextlib.suppress(OSError):
            return _words(read_bytes(self._folder / f"{name}.lock", _LARGEST, follow=False))
        return "another process"


def _write(path: Path, content: bytes) -> None:
    """Overwrite an existing file; raises OSError for a symbolic link."""
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK), "wb"
    ) as file:
        file.write(content)


@dataclass
class _Locked:
    lock: BaseFileLock
    path: Path

    def release(self) -> None:
        if self.lock.is_locked:
            # Removed while locked: a process that has it open notices and opens a new one.
            with contextlib.suppress(OSError):
                self.path.unlink()
            self.lock.release()


class BeatingLeases:
    """Leases at an address: objects that their owners rewrite at every beat."""

    def __init__(self, files: Files, *, beat: float = BEAT) -> None:
        self._files, self._beat = files, beat
        self._seen: dict[str, tuple[bytes, float]] = {}
        """Content of leases that other processes hold, and when it was first seen."""

    def take(self, name: str) -> Lease | None:
        """Take a lease; None if another living process has it.

        If two processes take over a dead owner's lease at once, the later write wins.
        """
        path = f"{FOLDER}/{name}.json"
        mine = _Beating(self._files, path, self._beat)
        try:
            if self._files.create(path, mine.content()):
                self._seen.pop(name, None)
                return mine.start()
            try:
                content = self._files.read(path, _LARGEST)
            except FileNotFoundError:
                return None  # just released: the next try gets it
            now = time.monotonic()
            before = self._seen.get(name)
            since = now if before is None or before[0] != content else before[1]
            self._seen[name] = content, since
            if now - since < PATIENCE * self._beat and not _is_dead(content):
                return None
            self._files.write(path, mine.content())
            time.sleep(min(1.0, self._beat))
            if self._files.read(path, _LARGEST) != mine.content():
                return None
        except OSError as error:
            raise StoreError(
                f"cannot write at {self._files.where} ({error.strerror or error}); "
                "permit writing there, or name another place with --results"
            ) from None
        self._seen.pop(name, None)
        return mine.start()

    def holder(self, name: str) -> str:
        """The owner of the lease, in words."""
        with contextlib.suppress(OSError):
            return _words(self._files.read(f"{FOLDER}/{name}.json", _LARGEST))
        return "another process"


@dataclass
class _Beating:
    files: Files
    path: str
    beat: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    count: int = 0
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def content(self) -> bytes:
        return _owner(token=self.token, beat=self.count)

    def start(self) -> _Beating:
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()
        return self

    def release(self) -> None:
        if self._end.is_set():
            return
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):
            if self._mine():
                self.files.remove(self.path)

    def _go_on(self) -> None:
        while not self._end.wait(self.beat):
            # The next beat makes up for one that fails; a lease that was taken over is lost.
            with contextlib.suppress(OSError):
                if not self._mine():
                    return
                self.count += 1
                self.files.write(self.path, self.content())

    def _mine(self) -> bool:
        with contextlib.suppress(ValueError, AttributeError, FileNotFoundError):
            return bool(json.loads(self.files.read(self.path, _LARGEST)).get("token") == self.token)
        return False


def _owner(**more: object) -> bytes:
    return json.dumps(
        {"host": socket.gethostname(), "boot": _boot(), "pid": os.getpid(), **more}
    ).encode()


def _boot() -> str:
    """Return the id of this boot of the machine: process ids are unique within a boot only."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _is_dead(raw: bytes) -> bool:
    """Return whether the owner was a process of this machine that has ended."""
    try:
        owner = json.loads(raw)
        if not owner["boot"] or owner["boot"] != _boot() or owner["host"] != socket.gethostname():
            return False
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return False


def _words(raw: bytes) -> str:
    try:
        owner = json.loads(raw)
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
