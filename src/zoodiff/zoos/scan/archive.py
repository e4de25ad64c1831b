"""Zip archives: names that climb, members that explode, overlap or hide."""

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
"""Bytes that may come out of any archive, however small it is."""
_RATIO = 200
"""Bytes that may come out for each byte of the archive, beyond that."""
_DEPTH = 3
"""Archives within archives: a program of torch holds saved tensors, and these nothing more."""


def check(path: Path) -> list[zipfile.ZipInfo]:
    """The members of an archive; raise RefusedError (SEC111, SEC120, SEC121) for a dangerous one.

    Raises MeasurementError where it cannot be read.
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
    """The names of an archive's members; raise RefusedError (SEC111, SEC121) for a dangerous one.

    Raises BadZipFile or OSError where it cannot be read. Of its members nothing is read.
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
        total = sum(one.file_size for one in members)
        if total > _HARMLESS and total > _RATIO * size:
            raise refusal(
                "SEC121",
                f"{name} of {size:,} bytes would unpack to {total:,} bytes",
            )
        for one in members:
            _check_nested(archive, one, name, depth)
    return members


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Return the refusal for a directory with false or excessive entries."""
    try:
        yield
    except zips.OutsideError as error:
        raise refusal("SEC111", f"{name} is an archive that lies: {error}") from None
    except zips.TooLargeError as error:
        raise refusal("SEC121", f"{name} has {error}") from None


def _check_names(members: list[zipfile.ZipInfo], name: str) -> None:
    seen = set()
    for one in members:
        # The name as it stands in the archive: zipfile cuts it at a NUL and turns backslashes.
        if climbs(one.orig_filename):
            raise refusal("SEC120", f"{name} holds a member called {one.orig_filename!r}")
        if one.filename in seen:
            raise refusal("SEC120", f"{name} holds {one.filename!r} twice")
        seen.add(one.filename)
        kind = stat.S_IFMT(one.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise refusal("SEC120", f"{name} holds {one.filename!r}, which is a link or a device")


def _check_places(members: list[zipfile.ZipInfo], name: str, size: int) -> None:
    """No two members may share bytes: overlapping ones are how small archives become large."""
    end, before = 0, ""
    for one in sorted(members, key=lambda member: member.header_offset):
        if one.header_offset < end:
            raise refusal("SEC121", f"in {name} {one.filename!r} lies over {before!r}")
        end, before = one.header_offset + 30 + one.compress_size, one.filename
        if end > size:
            raise refusal("SEC111", f"{one.filename!r} lies beyond the end of {name}")


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
