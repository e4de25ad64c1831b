"""Check the directory of a ZIP archive before it is parsed.

``zipfile`` reads the whole directory and creates an object of half a kilobyte per entry, although
an entry may be only 46 bytes long. Format: APPNOTE.TXT of PKWARE, sections 4.3.12 to 4.3.16.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

LARGEST = 32 << 20
"""The largest size of a directory, in bytes."""
MOST_MEMBERS = 200_000
"""The largest number of members; an archive of ImageNet's validation images has 50,000."""
LONGEST_NAME = 4_096

_END = b"PK\x05\x06"
_LOCATOR = b"PK\x06\x07"
_END_64 = b"PK\x06\x06"
_ENTRY = b"PK\x01\x02"
_COMMENT = 65_535
_FIXED = 46


class TooLargeError(ValueError):
    """A directory that exceeds the limits of size, members or the length of names."""


class OutsideError(zipfile.BadZipFile):
    """A directory that, by its declared position and size, lies outside the file."""


@dataclass(frozen=True)
class Directory:
    """The position and the declared size of an archive's directory."""

    offset: int
    """In bytes, from the beginning of the file."""
    length: int
    """In bytes."""
    members: int


def directory(file: IO[bytes], size: int) -> Directory:
    """Return the position and declared size of the directory in an archive of ``size`` bytes.

    Raises BadZipFile where the file has no directory, OutsideError (a BadZipFile) where the
    directory lies outside the file, TooLargeError where it exceeds the limits.
    """
    begin = max(0, size - _COMMENT - 22 - 20)
    file.seek(begin)
    tail = file.read(size - begin)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it has no directory")
    members, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    end = begin + at
    # zipfile expects the end record of a large archive here, and ignores its locator's offset.
    if at >= 20 and tail[at - 20 : at - 16] == _LOCATOR and end >= 76:
        file.seek(end - 76)
        record = file.read(56)
        if record.startswith(_END_64):
            members, length = struct.unpack("<2Q", record[32:48])
            end -= 76
    if length > end:
        raise OutsideError("its directory is longer than the whole file")
    if length > LARGEST or members > MOST_MEMBERS:
        raise TooLargeError(f"a directory of {members:,} members and {length:,} bytes")
    # Data before an archive, as in a self-extracting program, shifts the directory.
    return Directory(end - length, length, members)


def names(file: IO[bytes], archive_directory: Directory) -> Iterator[str]:
    """Yield the names of the members, in the order of the directory.

    Raises BadZipFile for a malformed entry or a length that the entries do not add up to,
    TooLargeError for more members or longer names than the limits.
    """
    file.seek(archive_directory.offset)
    left, count = archive_directory.length, 0
    while left:
        head = file.read(_FIXED)
        if len(head) < _FIXED or left < _FIXED or not head.startswith(_ENTRY):
            raise zipfile.BadZipFile("its directory is damaged")
        version, flags = struct.unpack("<2H", head[6:10])
        if version > zipfile.MAX_EXTRACT_VERSION:
            raise zipfile.BadZipFile(f"it is of version {version / 10:.1f} of the format")
        name, extra, comment = struct.unpack("<3H", head[28:34])
        left -= _FIXED + name + extra + comment
        if left < 0:
            raise zipfile.BadZipFile("its directory is damaged")
        if name > LONGEST_NAME:
            raise TooLargeError(f"a name of {name:,} bytes")
        count += 1
        if count > MOST_MEMBERS:
            raise TooLargeError(f"a directory of more than {MOST_MEMBERS:,} members")
        raw = file.read(name)
        file.seek(extra + comment, os.SEEK_CUR)
        yield raw.decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
    file.seek(0)


def check(file: IO[bytes], size: int) -> Directory:
    """Return the directory of an archive after reading all entries; raise as ``names`` does."""
    archive_directory = directory(file, size)
    for _ in names(file, archive_directory):
        continue
    return archive_directory
