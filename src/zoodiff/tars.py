"""Read untrusted tar archives with Python's ``tarfile`` and bounded memory.

``tarfile`` reads extended headers and long names of any declared size in one piece, follows any
number of header blocks, and keeps every member in memory. Here the header bytes per member and the
number of members are limited.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

LARGEST_HEADER = 1 << 20
"""Bytes of all headers of one member: its name and its file attributes."""
MOST_MEMBERS = 160_000
"""Members per archive: three files per image of ImageNet's validation set."""
_MOST_GLOBAL = 64
"""Global PAX headers per archive."""


class Bounded:
    """A file whose reads are limited to ``LARGEST_HEADER`` bytes per member.

    The limit also holds for the file's length, because ``tarfile`` would allocate a header's
    declared size before it notices that the file is shorter.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._left = LARGEST_HEADER

    def begin(self) -> None:
        """Reset the limit before the header of the next member is read."""
        self._left = LARGEST_HEADER

    def read(self, size: int = -1) -> bytes:
        """Read at most ``size`` bytes; raise ReadError above the limit per member."""
        left = max(self._size - self._file.tell(), 0)
        length = left if size is None or size < 0 else min(size, left)
        self._left -= length
        if self._left < 0:
            raise tarfile.ReadError(f"a header of more than {LARGEST_HEADER:,} bytes")
        return self._file.read(length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def members(file: BinaryIO, size: int, most: int = MOST_MEMBERS) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive of ``size`` bytes without keeping them.

    Raises ReadError for more than ``most`` members, oversized headers and sparse files, and the
    other errors of ``tarfile`` for a file that is not an archive.
    """
    bounded = Bounded(file, size)
    with tarfile.open(fileobj=cast("BinaryIO", bounded), mode="r:") as archive:
        count = 0
        while True:
            bounded.begin()
            member = archive.next()
            if member is None:
                return
            cast("Any", archive).members.clear()  # undocumented; keeps memory constant
            count += 1
            if count > most:
                raise tarfile.ReadError(f"it has more than {most:,} members")
            if member.size < 0:
                # Python before 3.12.12 and 3.13.6 reads such an archive for ever.
                raise tarfile.ReadError(f"it holds a file of {member.size} bytes")
            if len(archive.pax_headers) > _MOST_GLOBAL:
                raise tarfile.ReadError(f"it has more than {_MOST_GLOBAL} global headers")
            if member.issparse():
                raise tarfile.ReadError(f"{member.name[:200]!r} is a sparse file")
            yield member


def content(file: BinaryIO, member: tarfile.TarInfo, most: int) -> bytes:
    """Return the bytes of a member; raise ReadError if it is missing or above ``most`` bytes."""
    if member.size > most:
        raise tarfile.ReadError(f"{member.name[:200]!r} has {member.size:,} bytes")
    before = file.tell()
    file.seek(member.offset_data)
    data = file.read(member.size)
    file.seek(before)
    if len(data) < member.size:
        raise tarfile.ReadError("it is cut off")
    return data
