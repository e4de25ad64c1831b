"""Scan zip archives for names outside their folder, bombs, and overlapping or hidden members."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from zoodiff.bounded import zips
from zoodiff.bounded.files import open_regular, size_of
from zoodiff.errors import MeasurementError
from zoodiff.rules.security import climbs, refusal

_HARMLESS = 64 * 2**20
"""Bytes that any archive may unpack to, however small it is."""
_RATIO = 200
"""Unpacked bytes per byte of the archive that are allowed above ``_HARMLESS``."""
_DEPTH = 3
"""Levels of archives within archives: a program of torch holds archives of saved tensors."""


def check(path: Path) -> list[zipfile.ZipInfo]:
    """Return an archive's members; raise RefusedError (SEC111, SEC120, SEC121) if dangerous.

    Raises MeasurementError if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            members = _checked(file, str(path), size_of(file), 0)
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    except (zipfile.BadZipFile, struct.error) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    return members


def names(path: Path) -> list[str]:
    """Return the names of an archive's members; raise RefusedError (SEC111, SEC121) if dangerous.

    Raises BadZipFile or OSError if it cannot be read. The members' content is not read.
    """
    with open_regular(path) as file, _refusals(str(path)):
        return list(zips.names(file, zips.directory(file, size_of(file))))


def _checked(file: IO[bytes], name: str, size: int, depth: int) -> list[zipfile.ZipInfo]:
    if depth >= _DEPTH:
        raise refusal("SEC121", f"{name} holds archives within archives, {_DEPTH} deep")
    with _refusals(name):
        zips.check(file, size)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_names(members, name)
        _check_places(members, name, size)
        total = sum(member.file_size for member in members)
        if total > _HARMLESS and total > _RATIO * size:
            raise refusal(
                "SEC121",
                f"{name} of {size:,} bytes would unpack to {total:,} bytes",
            )
        for member in members:
            _check_nested(archive, member, name, depth)
    return members


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Raise RefusedError for errors about a directory with false or excessive entries."""
    try:
        yield
    except zips.OutsideError as error:
        raise refusal("SEC111", f"{name} is an archive that lies: {error}") from None
    except zips.TooLargeError as error:
        raise refusal("SEC121", f"{name} has {error}") from None


def _check_names(members: list[zipfile.ZipInfo], name: str) -> None:
    seen = set()
    for member in members:
        # The name in the archive: zipfile cuts it at a NUL and converts backslashes.
        if climbs(member.orig_filename):
            raise refusal("SEC120", f"{name} holds a member called {member.orig_filename!r}")
        if member.filename in seen:
            raise refusal("SEC120", f"{name} holds {member.filename!r} twice")
        seen.add(member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise refusal(
                "SEC120", f"{name} holds {member.filename!r}, which is a link or a device"
            )


def _check_places(members: list[zipfile.ZipInfo], name: str, size: int) -> None:
    """Raise RefusedError if members share bytes, as in bombs."""
    end, before = 0, ""
    for entry in sorted(members, key=lambda member: member.header_offset):
        if entry.header_offset < end:
            raise refusal("SEC121", f"in {name} {entry.filename!r} lies over {before!r}")
        end, before = entry.header_offset + 30 + entry.compress_size, entry.filename
        if end > size:
            raise refusal("SEC111", f"{entry.filename!r} lies beyond the end of {name}")


def _check_nested(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, depth: int) -> None:
    if member.file_size < 22 or member.is_dir():
        return
    with archive.open(member) as inner:
        if inner.read(4) != b"PK\x03\x04":
            return
        content = b"PK\x03\x04" + inner.read(_HARMLESS + 1)
    if len(content) > _HARMLESS:
        raise refusal("SEC121", f"{name} holds the archive {member.filename!r}, which is large")
    where = f"{member.filename!r} in {name}"
    _checked(io.BytesIO(content), where, len(content), depth + 1)
