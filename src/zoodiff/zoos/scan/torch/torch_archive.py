"""Check that PyTorch's archive reader sees the same members as Python's zipfile.

PyTorch's reader (miniz) finds an archive's directory differently from zipfile, uses the folder of
the first member for all members, and ignores case in names. A file that the two read differently
could be scanned as one network and loaded as another.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan import archive

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_SIZES, _UNICODE_NAME = 0x0001, 0x7075
"""Ids of extra fields of a member: sizes over 4 GiB, and another name."""


def members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive by their names below its only folder.

    Raises RefusedError (SEC111, SEC120, SEC121) for an archive that is dangerous or that two
    readers could read differently, MeasurementError if it cannot be read.
    """
    listed = archive.check(path)
    if not listed:
        raise MeasurementError(f"{path} is an empty archive")
    _check_directory(path, len(listed))
    root = listed[0].filename.partition("/")[0] + "/"
    by_name: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for member in listed:
        name = member.filename.removeprefix(root)
        if not member.filename.startswith(root):
            raise refusal("SEC120", f"{path} holds {member.filename!r} outside its folder {root!r}")
        if name.casefold() in seen:
            raise refusal("SEC120", f"{path} holds {name!r} twice, in capitals and small letters")
        seen.add(name.casefold())
        _check_member(member, path)
        if not member.is_dir():
            by_name[name] = member
    return by_name


def flat_members(path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the members of an archive without a folder, which PyTorch 2.6 and 2.7 wrote.

    Raises as ``members`` does.
    """
    listed = archive.check(path)
    _check_directory(path, len(listed))
    for member in listed:
        _check_member(member, path)
    return {member.filename: member for member in listed}


def read(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, largest: int) -> bytes:
    """Return the content of a member.

    Raises RefusedError (SEC122) if it is too large, MeasurementError if it is damaged.
    """
    if member.file_size > largest:
        raise refusal("SEC122", f"{member.filename!r} in {path} has {member.file_size:,} bytes")
    try:
        return opened.read(member)
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise MeasurementError(f"{path} is a damaged archive ({reason})") from None
    except Exception as error:  # zlib and other decoders have their own errors
        raise MeasurementError(f"{path} is a damaged archive ({type(error).__name__})") from None


def _check_directory(path: Path, count: int) -> None:
    """Check that the directory ends where the end record begins and that both offsets agree."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - _LOCATOR.size - _END64.size))
        tail = file.read()
    end = size - _END.size
    magic, *disks, entries, total, length, offset, comment = _END.unpack(tail[-_END.size :])
    agree = magic == b"PK\x05\x06" and comment == 0 and disks == [0, 0]
    before = tail[: -_END.size]
    if before[-_LOCATOR.size :].startswith(b"PK\x06\x07"):
        end -= _LOCATOR.size + _END64.size
        _, _, place, _ = _LOCATOR.unpack(before[-_LOCATOR.size :])
        record = before[: -_LOCATOR.size]
        if len(record) != _END64.size or place != end or not record.startswith(b"PK\x06\x06"):
            raise _ambiguous(path)
        *_, entries64, total64, length64, offset64 = _END64.unpack(record)
        agree &= entries in {entries64, 0xFFFF} and total in {total64, 0xFFFF}
        agree &= length in {length64, 0xFFFFFFFF} and offset in {offset64, 0xFFFFFFFF}
        entries, total, length, offset = entries64, total64, length64, offset64
    if not agree or offset + length != end or not entries == total == count:
        raise _ambiguous(path)


def _check_member(member: zipfile.ZipInfo, path: Path) -> None:
    extra, fields = member.extra, []
    while len(extra) >= 4:
        field, length = struct.unpack("<HH", extra[:4])
        fields.append(field)
        extra = extra[4 + length :]
    stored = member.compress_type == zipfile.ZIP_STORED
    if (
        fields.count(_SIZES) > 1
        or _UNICODE_NAME in fields
        or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        or (stored and member.compress_size != member.file_size)
    ):
        raise refusal("SEC120", f"two readers may read {member.filename!r} in {path} differently")


def _ambiguous(path: Path) -> Exception:
    return refusal("SEC120", f"two readers may find two lists of members in {path}")
