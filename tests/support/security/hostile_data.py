"""Hostile data sets, images and what lies beside a model."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

from support.security.hostile import trick


def _shard(folder: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(folder / "a.tar", "w") as target:
        for name, data, kind in members:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(data), kind
            member.linkname = "/etc/passwd" if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE} else ""
            target.addfile(member, io.BytesIO(data))
    return folder / "a.tar"


def png(width: int, height: int, data: bytes | None = None) -> bytes:
    """A PNG file that says of itself that it is so large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes((3 * width + 1) * height) if data is None else data, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


_FILE = tarfile.REGTYPE


@trick("SEC120", "images")
def shard_with_names_that_climb(folder: Path, mark: Path) -> Path:
    return _shard(folder, ("0.png", png(8, 8), _FILE), ("../../1.png", png(8, 8), _FILE))


@trick("SEC120", "images")
def shard_with_absolute_names(folder: Path, mark: Path) -> Path:
    return _shard(folder, (f"{mark}.png", png(8, 8), _FILE))


@trick("contained", "images")
def shard_with_a_link(folder: Path, mark: Path) -> Path:
    return _shard(folder, ("0.png", b"", tarfile.SYMTYPE), ("1.png", png(8, 8), _FILE))


@trick("contained", "images")
def shard_with_a_hard_link(folder: Path, mark: Path) -> Path:
    return _shard(folder, ("0.png", b"", tarfile.LNKTYPE), ("1.png", png(8, 8), _FILE))


@trick("contained", "images")
def shard_with_a_device(folder: Path, mark: Path) -> Path:
    return _shard(folder, ("0.png", b"", tarfile.CHRTYPE), ("1.png", png(8, 8), _FILE))


@trick("SEC121", "images")
def image_that_explodes(folder: Path, mark: Path) -> Path:
    (folder / "0.png").write_bytes(png(60_000, 60_000, b"\0" * 1000))
    return folder


@trick("contained", "images")
def image_in_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "0.png")
    (folder / "1.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def records_that_lie_about_their_length(folder: Path, mark: Path) -> Path:
    (folder / "a.tfrecord").write_bytes(struct.pack("<Q", 1 << 62) + bytes(100))
    return folder / "a.tfrecord"


@trick("contained", "images")
def parquet_that_lies_about_its_end(folder: Path, mark: Path) -> Path:
    data = b"PAR1" + bytes(100) + struct.pack("<I", 0x7FFFFFFF) + b"PAR1"
    (folder / "a.parquet").write_bytes(data)
    return folder / "a.parquet"


@trick("SEC110")
def labels_from_elsewhere(folder: Path, mark: Path) -> Path:
    (folder / "a.onnx").write_bytes(b"\x08\x08")
    (folder / "a.onnx.toml").write_text('labels = "/etc/passwd"\n')
    return folder / "a.onnx"


@trick("SEC110")
def labels_that_climb(folder: Path, mark: Path) -> Path:
    (folder / "a.onnx").write_bytes(b"\x08\x08")
    (folder / "a.onnx.toml").write_text('labels = "../../../etc/passwd"\n')
    return folder / "a.onnx"


@trick("contained")
def model_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.onnx")
    return folder / "a.onnx"


@trick("contained")
def model_that_is_a_device(folder: Path, mark: Path) -> Path:
    (folder / "a.onnx").symlink_to("/dev/zero")
    return folder / "a.onnx"
