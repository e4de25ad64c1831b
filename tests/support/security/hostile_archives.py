"""Hostile archives: names that climb, bombs, overlaps, links."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

from support.security.hostile import trick
from support.security.hostile_pickles import archive, saved, state


@trick("SEC120", "checkpoint")
def name_that_climbs(folder: Path, mark: Path) -> Path:
    return archive(folder, {"a/data.pkl": state(), f"a/../../{mark.name}": b"x"})


@trick("SEC120", "checkpoint")
def name_that_is_absolute(folder: Path, mark: Path) -> Path:
    return archive(folder, {"a/data.pkl": state(), str(mark): b"x"})


@trick("SEC120", "checkpoint")
def name_that_climbs_on_windows(folder: Path, mark: Path) -> Path:
    path = archive(folder, {"a/data.pkl": state(), "a/__/__/x": b"x"})
    return saved(folder, path.read_bytes().replace(b"a/__/__/x", b"a\\..\\..\\x"))


@trick("SEC120", "checkpoint")
def name_with_a_hidden_end(folder: Path, mark: Path) -> Path:
    path = archive(folder, {"a/data.pkl": state(), "a/x.bin/data.pkl": b"x"})
    return saved(folder, path.read_bytes().replace(b"x.bin/data", b"x.bin\0data"))


@trick("SEC120", "checkpoint")
def member_that_is_a_link(folder: Path, mark: Path) -> Path:
    with zipfile.ZipFile(folder / "a.pth", "w") as target:
        target.writestr("a/data.pkl", state())
        link = zipfile.ZipInfo("a/data/0")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(link, "/etc/passwd")
    return folder / "a.pth"


@trick("SEC120", "checkpoint")
def member_that_is_a_device(folder: Path, mark: Path) -> Path:
    with zipfile.ZipFile(folder / "a.pth", "w") as target:
        target.writestr("a/data.pkl", state())
        device = zipfile.ZipInfo("a/data/0")
        device.external_attr = (stat.S_IFCHR | 0o666) << 16
        target.writestr(device, "")
    return folder / "a.pth"


def _zeros(megabytes: int, name: str = "a/data/0") -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
        target.open(name, "w", force_zip64=True) as member,
    ):
        for _ in range(megabytes):
            member.write(bytes(1 << 20))
    return buffer.getvalue()


@trick("SEC121", "checkpoint")
def bomb_by_its_ratio(folder: Path, mark: Path) -> Path:
    return saved(folder, _zeros(200))


@trick("SEC121", "checkpoint")
def bomb_of_overlapping_members(folder: Path, mark: Path) -> Path:
    """Several entries of the directory name one and the same member."""
    data = archive(folder, {"a/data.pkl": state(), "a/0": b"x" * 1000}).read_bytes()
    start = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", start + 1)
    end = data.index(b"PK\x05\x06")
    more = [data[second:end].replace(b"a/0", f"a/{k}".encode()) for k in range(9)]
    directory = data[start:second] + b"".join(more)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10, 10, len(directory), start, 0)
    return saved(folder, data[:start] + directory + tail)


@trick("SEC121", "checkpoint")
def bomb_of_archives_in_archives(folder: Path, mark: Path) -> Path:
    inner = _zeros(20)
    for depth in range(4):
        inner = archive(folder, {f"a/{depth}.zip": inner}, f"{depth}.zip").read_bytes()
    return saved(folder, inner)


@trick("contained", "checkpoint")
def member_that_lies_about_its_size(folder: Path, mark: Path) -> Path:
    """The directory says 10 bytes; 300 MB would come out."""
    data = _zeros(300, "a/data.pkl")
    start = data.index(b"PK\x01\x02")
    size = struct.pack("<L", 300 << 20)
    return saved(folder, data[:start] + data[start:].replace(size, struct.pack("<L", 10)))


@trick("SEC111", "checkpoint")
def member_beyond_the_end(folder: Path, mark: Path) -> Path:
    path = archive(folder, {"a/data.pkl": state(), "a/0": b"x" * 64})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    size = struct.pack("<LL", 64, 64)
    lie = struct.pack("<LL", 1 << 30, 1 << 30)
    return saved(folder, data[:start] + data[start:].replace(size, lie))


@trick("SEC111", "checkpoint")
def directory_longer_than_the_file(folder: Path, mark: Path) -> Path:
    data = archive(folder, {"a/data.pkl": state()}).read_bytes()
    end = data.index(b"PK\x05\x06")
    return saved(folder, data[: end + 12] + struct.pack("<L", 1 << 31) + data[end + 16 :])


@trick("SEC121", "file")
def directory_of_a_hundred_megabytes(folder: Path, mark: Path) -> Path:
    """Sparse on disk, but whoever lists the members would read all of it."""
    length = 100 << 20
    with (folder / "a.keras").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.seek(length + 4, os.SEEK_SET)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, length, 4, 0))
    return folder / "a.keras"
