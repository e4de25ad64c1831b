"""Leases: they keep two runs on one store from measuring the same task twice.

A lease keeps nobody from writing: records cannot damage each other. It only saves work, so where
a place gives no sure lock, a lease that fails costs a measurement done twice.

In a folder a lease is a lock of the operating system, which ends with its process however that
ends, and whatever clocks say. At an address it is an object that its owner rewrites at every beat:
whoever sees it unchanged for some beats, by its own steady clock, takes it over.
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
"""Seconds between two signs of life at an address."""
PATIENCE = 6
"""Beats without a sign of life after which a lease is taken over."""
_POLL = 0.5
_LARGEST = 4096
"""Bytes of what an owner says of itself."""


class Lease(Protocol):
    """The right to work on something, until it is released."""

    def release(self) -> None:
        """Give it back; safe to call twice."""
        ...


class Leases(Protocol):
    """Gives out leases by name."""

    def take(self, name: str) -> Lease | None:
        """Take a lease; None if another process has it."""
        ...

    def holder(self, name: str) -> str:
        """The owner of the lease, in words."""
        ...


def leases_of(files: Files) -> Leases:
    """The leases of a store."""
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

        Where the file system has no locks, filelock falls back to files with signs of life.
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
    """Write into a file that is there, and into nothing that a link leads to."""
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
            # Removed while it is held: whoever has it open sees that it is gone, and begins anew.
            with contextlib.suppress(OSError):
                self.path.unlink()
            self.lock.release()


class BeatingLeases:
    """Objects that their owners rewrite at every beat."""

    def __init__(self, files: Files, *, beat: float = BEAT) -> None:
        self._files, self._beat = files, beat
        self._seen: dict[str, tuple[bytes, float]] = {}
        """What others' leases looked like, and since when they look so."""

    def take(self, name: str) -> Lease | None:
        """Take a lease; None if another living process has it.

        Of two that take over the same lease of the dead at once, the later one wins.
        """
        path = f"{FOLDER}/{name}.json"
        mine = _Beating(self._files, path, self._beat)
        try:
            if self._files.create(path, mine.content()):
                self._seen.pop(name, None)
                return mine.start()
            try:
                found = self._files.read(path, _LARGEST)
            except FileNotFoundError:
                return None  # just released: the next try gets it
            now = time.monotonic()
            before = self._seen.get(name)
            since = now if before is None or before[0] != found else before[1]
            self._seen[name] = found, since
            if now - since < PATIENCE * self._beat and not _is_dead(found):
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
            # A beat that fails is made up for by the next; one who was taken for dead stays so.
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
    """Names this start of this machine: numbers of processes mean something within it only."""
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
