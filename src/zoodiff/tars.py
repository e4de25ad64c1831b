"""Untrusted tar archives, read with Python's ``tarfile``.

``tarfile`` reads extended headers and long names in one piece, of whatever size the archive says,
follows them through any number of blocks, and keeps every member that it has seen. Here the bytes
of headers that belong to one member are limited, and so are the members.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

LARGEST_HEADER = 1 << 20
"""Bytes of all headers of one member: its name, and what a file system says of it beside."""
MOST_MEMBERS = 160_000
"""Of one archive: the images of ImageNet's validation set, with two files beside each."""
_MOST_GLOBAL = 64
"""Facts that hold for all members that follow."""


class Bounded:
    """A file of which no more is read for one header than a header has.

    Memory for a header would be taken before the file turns out to be shorter.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._left = LARGEST_HEADER

    def begin(self) -> None:
        """The header of another member is read now."""
        self._left = LARGEST_HEADER

    def read(self, size: int = -1) -> bytes:
        """Read at most this many bytes; raise ReadError above the size of a header."""
        left = max(self._size - self._file.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        self._left -= wanted
        if self._left < 0:
            raise tarfile.ReadError(f"a header of more than {LARGEST_HEADER:,} bytes")
        return self._file.read(wanted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def members(file: BinaryIO, size: int, most: int = MOST_MEMBERS) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive of ``size`` bytes without keeping them.

    Raises ReadError for more than ``most`` of them, for headers that are too large and for files
    with holes in them, and the other errors of ``tarfile`` for what is no archive.
    """
    bounded = Bounded(file, size)
    with tarfile.open(fileobj=cast("BinaryIO", bounded), mode="r:") as archive:
        count = 0
        while True:
            bounded.begin()
            member = archive.next()
            if member is None:
                return
            cast("Any", archive).members.clear()  # no part of its documented interface
            count += 1
            if count > most:
                raise tarfile.ReadError(f"it has more than {most:,} members")
            if member.size < 0:
                # Python before 3.12.12 and 3.13.6 reads such an archive for ever.
                raise tarfile.ReadError(f"it holds a file of {member.size} bytes")
            if len(archive.pax_headers) > _MOST_GLOBAL:
                raise tarfile.ReadError("it says too much of all its members")
            if member.issparse():
                raise tarfile.ReadError(f"{member.name[:200]!r} is a file with holes")
            yield member


def content(file: BinaryIO, member: tarfile.TarInfo, most: int) -> bytes:
    """Return the bytes of a member; raise ReadError if it is missing or above ``most`` bytes."""
    if member.size > most:
        raise tarfile.ReadError(f"{member.name[:200]!r} has {member.size:,} bytes")
    before = file.tell()
    file.seek(member.offset_data)
    found = file.read(member.size)
    file.seek(before)
    if len(found) < member.size:
        raise tarfile.ReadError("it is cut off")
    return found
