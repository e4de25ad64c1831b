"""A store at an address that fsspec supports, for example an object store such as S3.

Imported only if results are at an address. An object store writes an object completely or not at
all, which is enough for records, because their names depend on their content. On file systems
behind fsspec (SFTP, SMB) a file is written under a temporary name and moved.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections.abc import Iterator
from typing import Any

import fsspec

from zoodiff.addresses import os_errors
from zoodiff.bounded.files import too_large
from zoodiff.errors import UsageError
from zoodiff.store.files import LARGEST_FILE, TEMPORARY, StoredFile

_OBJECTS = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "cos", "memory"}
)
"""Protocols whose writes are whole objects."""


class RemoteFiles:
    """The files below an address; see ``zoodiff.store.files.Files``."""

    remote = True

    def __init__(self, address: str) -> None:
        self.where = address.rstrip("/")
        scheme = address.partition("://")[0]
        try:
            # Another process may add records at any time, so listings are not cached.
            self._system: Any = fsspec.filesystem(scheme, use_listings_cache=False)
            self._root = str(self._system._strip_protocol(self.where))
        except (ImportError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UsageError(
                f"results cannot be kept at {address} ({reason}); for S3 install: "
                'pip install "zoodiff[remote]"'
            ) from None
        self._whole = scheme in _OBJECTS

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        """Return the content of a file; raise FileNotFoundError if it does not exist."""
        with os_errors():
            # One request instead of two: the size is not requested first.
            content = bytes(self._system.cat_file(self._path(name), start=0, end=most + 1))
        if len(content) > most:
            raise too_large(None, most)
        return content

    def write(self, name: str, content: bytes, *, flush: bool = True) -> None:
        """Write or replace a file."""
        del flush  # a finished request is durable
        path = self._path(name)
        with os_errors():
            if self._whole:
                self._system.pipe_file(path, content)
                return
            folder, _, last = path.rpartition("/")
            temporary = f"{folder}/.{last}.{secrets.token_hex(4)}{TEMPORARY}"
            self._system.makedirs(folder, exist_ok=True)
            self._system.pipe_file(temporary, content)
            self._system.mv(temporary, path)

    def create(self, name: str, content: bytes) -> bool:
        """Write a new file; return False if it exists.

        On S3 this is one conditional request. On a system without these, two processes that create
        a file at the same moment may both get True.
        """
        try:
            with os_errors():
                self._system.pipe_file(self._path(name), content, mode="create")
        except FileExistsError:
            return False
        return True

    def move(self, name: str, target: str) -> None:
        """Rename a file: the copy is complete before the original is removed."""
        with os_errors():
            if not self._whole:
                self._system.makedirs(self._path(target).rpartition("/")[0], exist_ok=True)
            self._system.mv(self._path(name), self._path(target))

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError), os_errors():
            self._system.rm_file(self._path(name))

    def names(self, folder: str, prefix: str = "") -> list[str]:
        """Return the names of the finished files in a folder, sorted; empty without a folder."""
        options = {"prefix": prefix} if prefix and "s3" in self._system.protocol else {}
        try:
            with os_errors():
                paths = self._system.find(self._path(folder), maxdepth=1, **options)
        except FileNotFoundError:
            return []
        last = [str(path).rpartition("/")[2] for path in paths]
        return sorted(n for n in last if n.startswith(prefix) and not n.startswith("."))

    def walk(self, folder: str = "") -> Iterator[StoredFile]:
        """Yield all files below a folder."""
        try:
            with os_errors():
                details = self._system.find(self._path(folder), detail=True)
        except FileNotFoundError:
            return
        for path, facts in sorted(details.items()):
            name = str(path).removeprefix(self._root).lstrip("/")
            yield StoredFile(name, int(facts.get("size") or 0), _changed(facts))

    def prepare(self) -> None:
        """Prove that the place can be written."""
        probe = f".probe-{secrets.token_hex(4)}{TEMPORARY}"
        self.write(probe, b"zoodiff")
        self.remove(probe)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


def _changed(facts: dict[str, Any]) -> float:
    for key in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = facts.get(key)
        if isinstance(value, datetime.datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
            return aware.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return 0.0
