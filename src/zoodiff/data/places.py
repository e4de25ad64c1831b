"""The place of a data set: on this machine, or at an address of fsspec.

Layouts use an address, ``s3://bucket/imagenet/val``, like a path: both have a name and a parent,
list their files, and are read whole, in part or as a stream. Functions here do what is fast in
different ways for the two: an object store lists everything below a folder in one request, and
returns a part of a file by itself.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from zoodiff.addresses import is_address, os_errors
from zoodiff.bounded import files as bounded
from zoodiff.errors import MissingFrameworkError, UsageError

LOCAL = frozenset({"file", "local"})
"""Schemes of addresses that mean paths of this machine."""
_INSIDE = frozenset({"libarchive", "reference", "tar", "zip"})
"""Schemes of fsspec that parse an untrusted archive in this process; they are refused."""
MOST_FILES = 100_000
"""Most files, such as shards, of one data set."""


@dataclass(frozen=True)
class Address:
    """A file or folder behind fsspec. All methods may raise OSError."""

    system: Any = field(compare=False, repr=False)
    path: str
    """The path in the file system, without the scheme."""
    url: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return posixpath.basename(self.path.rstrip("/"))

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return posixpath.splitext(self.name)[0]

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return posixpath.splitext(self.name)[1]

    @property
    def parent(self) -> Address:
        """The parent folder; the root is its own parent."""
        above = posixpath.dirname(self.path.rstrip("/"))
        return self._at(above or self.path)

    def __truediv__(self, name: str) -> Address:
        return self._at(f"{self.path.rstrip('/')}/{name}") if name else self

    def __str__(self) -> str:
        return self.url

    def with_name(self, name: str) -> Address:
        """Return the address of another file in the same folder."""
        return self.parent / name

    def resolve(self) -> Address:
        """Return the address itself: it has no links."""
        return self

    def exists(self) -> bool:
        """Return whether it exists."""
        with os_errors():
            return bool(self.system.exists(self.path))

    def is_file(self) -> bool:
        """Return whether it is a file."""
        with os_errors():
            return bool(self.system.isfile(self.path))

    def is_dir(self) -> bool:
        """Return whether it contains files."""
        with os_errors():
            return bool(self.system.isdir(self.path))

    def glob(self, pattern: str) -> Iterator[Address]:
        """Return the files whose names match a pattern, sorted."""
        with os_errors():
            return iter([self._at(path) for path in self.system.glob(f"{self.path}/{pattern}")])

    def open(self, mode: str = "r", *, newline: str | None = None, encoding: str = "") -> IO[Any]:
        """Open the file as a stream of bytes or of text."""
        options = {} if "b" in mode else {"newline": newline, "encoding": encoding or "utf-8"}
        with os_errors():
            stream: IO[Any] = self.system.open(self.path, mode, **options)
            return stream

    def read_bytes(self) -> bytes:
        """Return the content of the file."""
        with os_errors():
            return bytes(self.system.cat_file(self.path))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content of the file as text."""
        return self.read_bytes().decode(encoding)

    def _at(self, path: str) -> Address:
        scheme = self.url.partition("://")[0]
        return Address(self.system, path, f"{scheme}://{path.lstrip('/')}")


Place = Path | Address


def place(text: str) -> Place:
    """Return the path or address of a text; raise UsageError for an address that cannot be used."""
    if not is_address(text):
        return Path(text)
    scheme, _, path_text = text.partition("://")
    if scheme in LOCAL:
        return Path(path_text)
    if "::" in text or scheme in _INSIDE:
        raise UsageError(f"{text} lies inside another file; unpack it, and name what was in it")
    try:
        import fsspec
    except ImportError:
        raise MissingFrameworkError(
            f'{text} needs fsspec; install it with: pip install "zoodiff[remote]"'
        ) from None
    try:
        # Other programs may change the files, so listings are not cached.
        system, path = fsspec.core.url_to_fs(text, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{text} cannot be opened ({reason})") from None
    return Address(system, path, text)


def size_of(place: Place) -> int:
    """Return the size of a file in bytes."""
    if isinstance(place, Path):
        return place.stat().st_size
    with os_errors():
        return int(place.system.size(place.path) or 0)


def stat_of(place: Place) -> tuple[str, int, object]:
    """Return name, size and modification time; for an object, its version."""
    if isinstance(place, Path):
        status = place.stat()
        return place.name, status.st_size, status.st_mtime_ns
    with os_errors():
        facts = place.system.info(place.path)
    return place.name, int(facts.get("size") or 0), version_of(facts)


def opened(place: Place) -> BinaryIO:
    """Open a regular file as a stream of bytes; raise OSError for any other."""
    if isinstance(place, Path):
        return bounded.open_regular(place)
    return cast(BinaryIO, place.open("rb"))


def content_of(place: Place, most: int) -> bytes:
    """Return the content of a regular file; raise OSError for others and above ``most`` bytes."""
    if isinstance(place, Path):
        return bounded.read_bytes(place, most)
    content = part_of(place, 0, most + 1)  # one request; asking for the size would be another
    if len(content) > most:
        raise bounded.too_large(None, most)
    return content


def lines_of(place: Place, most: int) -> Iterator[str]:
    """Yield the lines of a text of at most ``most`` bytes; raise as ``lines`` does."""
    return bounded.lines(opened(place), most)


def part_of(place: Place, start: int, size: int) -> bytes:
    """Return ``size`` bytes of a file from ``start``, fewer at its end."""
    if isinstance(place, Path):
        with bounded.open_regular(place) as file:
            file.seek(start)
            return file.read(size)
    with os_errors():
        return bytes(place.system.cat_file(place.path, start=start, end=start + size))


def files_in(folder: Place, accepts: Callable[[str], bool]) -> list[Place]:
    """Return the files directly in a folder whose names ``accepts`` returns true for, sorted.

    The list is empty if there is no such folder. Raises UsageError for more than ``MOST_FILES``.
    """
    if isinstance(folder, Path):
        names = sorted(islice(_names_in(folder, accepts), MOST_FILES + 1))
    else:
        try:
            with os_errors():
                listing = folder.system.ls(folder.path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        file_names = [
            posixpath.basename(item["name"]) for item in listing if item["type"] == "file"
        ]
        names = sorted(name for name in file_names if name and accepts(name))
    if len(names) > MOST_FILES:
        raise UsageError(f"{folder} holds more than {MOST_FILES:,} files of images")
    return [folder / name for name in names]


def _names_in(folder: Path, accepts: Callable[[str], bool]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if accepts(entry.name) and _is_file(entry):
                    yield entry.name
    except (FileNotFoundError, NotADirectoryError):
        return


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links that lead in a circle
        return False


def version_of(facts: dict[str, Any]) -> object:
    """Return an object's version (etag or similar), None without one."""
    for key in ("ETag", "etag", "md5", "LastModified", "last_modified", "mtime", "created"):
        if facts.get(key) is not None:
            return str(facts[key])
    return None
