"""The files of a store: in a folder of this machine, or at an address of fsspec.

Both kinds offer the same few operations: a file is written completely or not at all, read
completely, listed, moved and removed. Names are relative to the store, with ``/`` between folders.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from zoodiff.bounded import files as bounded
from zoodiff.errors import StoreError

LARGEST_FILE = 96 << 20
"""Bytes of one file of a store: predictions for 1,500,000 images."""
LARGEST_TEXT = 16 << 20
"""Bytes of a record or a manifest; most records have a few thousand."""
MOST_FILES = 300_000
"""Files of a store; every measurement of every known network takes 20,000."""
TEMPORARY = ".tmp"
"""Suffix of the names of files being written; these names begin with a dot."""


class StoredFile(NamedTuple):
    """A file of a store: name, size and time of its last change."""

    name: str
    bytes: int
    changed: float
    """Seconds since 1970, by the clock of the machine that keeps the file."""


class Files(Protocol):
    """The files of a store; every method raises OSError if the system refuses."""

    where: str
    """The folder or the address, for people."""
    remote: bool

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        """Return the content of a file; raise FileNotFoundError if it does not exist.

        Raises OSError for anything but a regular file, and for more than ``most`` bytes.
        """
        ...

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Write or replace a file: a reader sees the old content or the new, never a mixture."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a new file; return False if it exists."""
        ...

    def move(self, name: str, target: str) -> None:
        """Rename a file."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Return the names of the finished files in a folder, sorted; empty without a folder.

        Raises StoreError for more files than a store has.
        """
        ...

    def walk(self, folder: str = "") -> Iterator[StoredFile]:
        """Yield all files below a folder, unfinished ones too; raises StoreError as ``names``."""
        ...

    def prepare(self) -> None:
        """Create the place and prove that it can be written."""
        ...


class LocalFiles:
    """A folder. Files are written under a temporary name, flushed to the disk and renamed."""

    remote = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.where = str(root)

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        """Return the content of a file; raise FileNotFoundError if it does not exist."""
        return bounded.read_bytes(self.root / name, most)

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Write or replace a file; without ``flush`` it may be damaged by a loss of power."""
        path = self.root / name
        try:
            write_atomically(path, content, flush=flush)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content, flush=flush)

    def create(self, name: str, content: bytes) -> bool:
        """Write a new file; return False if it exists."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path)
        try:
            _fill(temporary, content, flush=True)
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return True

    def move(self, name: str, target: str) -> None:
        """Rename a file."""
        (self.root / target).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).replace(self.root / target)

    def remove(self, name: str) -> None:
        """Remove a file, and the folder that it leaves empty."""
        path = self.root / name
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir() if path.parent != self.root else None

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Return the names of the finished files in a folder, sorted; empty without a folder."""
        try:
            with os.scandir(self.root / folder) as entries:
                finished = (
                    entry.name
                    for entry in entries
                    if entry.name.startswith(prefix) and not entry.name.startswith(".")
                )
                return sorted(_few(finished, self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def walk(self, folder: str = "") -> Iterator[StoredFile]:
        """Yield all files below a folder, unfinished ones too; links are not followed."""
        yield from _few(self._walk(folder), self.root / folder)

    def _walk(self, folder: str) -> Iterator[StoredFile]:
        waiting = [folder]
        while waiting:
            below = waiting.pop()
            try:
                with os.scandir(self.root / below) as entries:
                    children = sorted(
                        _few(entries, self.root / below), key=lambda entry: entry.name
                    )
            except OSError:
                continue  # removed meanwhile, or unreadable
            prefix = f"{below}/" if below else ""
            folders = [entry.name for entry in children if entry.is_dir(follow_symlinks=False)]
            waiting += [f"{prefix}{name}" for name in reversed(folders)]
            for entry in children:
                with contextlib.suppress(OSError):  # removed meanwhile, or a cycle of links
                    if not entry.is_dir():
                        facts = entry.stat(follow_symlinks=False)
                        yield StoredFile(f"{prefix}{entry.name}", facts.st_size, facts.st_mtime)

    def prepare(self) -> None:
        """Create the folder and prove that it can be written."""
        self.root.mkdir(parents=True, exist_ok=True)
        probe = self.root / f".probe-{secrets.token_hex(4)}{TEMPORARY}"
        try:
            probe.write_bytes(b"zoodiff")
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()


_Item = TypeVar("_Item")


def _few(items: Iterable[_Item], folder: Path) -> Iterator[_Item]:
    """Yield the items; raise StoreError after ``MOST_FILES`` of them."""
    for count, item in enumerate(items):
        if count >= MOST_FILES:
            raise StoreError(f"{folder} holds more than {MOST_FILES:,} files, which no store does")
        yield item


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write under a temporary name, flush to the disk, rename; a killed run leaves no partial file.

    Without ``flush`` a loss of power may leave one, so the reader must check the content.
    """
    temporary = _temporary(path)
    try:
        _fill(temporary, content, flush=flush)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")


def _fill(path: Path, content: bytes, *, flush: bool) -> None:
    with path.open("wb") as file:
        file.write(content)
        if flush:
            file.flush()
            os.fsync(file.fileno())
