"""Hostile archives, shards, tables and records: what the command itself lists images of."""

from __future__ import annotations

import os
import struct
import tarfile
from pathlib import Path

from support.security.hostile import trick
from support.security.hostile_data import png
from support.security.hostile_texts import _sparse

_MEGABYTE = 1 << 20


def _directory(folder: Path, entries: int, name: bytes) -> Path:
    """An archive whose directory says that it holds so many empty members."""
    begin = b"PK\x03\x04" + bytes(60)
    entry = (
        struct.pack(
            "<4s4B4HL2L5H2L",
            b"PK\x01\x02",
            20,
            0,
            20,
            0,
            *bytes(4),
            *bytes(3),
            *[len(name), *bytes(4)],
            0,
            0,
        )
        + name
    )
    directory = entry * entries
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, *[min(entries, 65_535)] * 2, len(directory), len(begin), 0
    )
    (folder / "a.keras").write_bytes(begin + directory + end)
    return folder / "a.keras"


@trick("SEC121")
def directory_of_a_million_members(folder: Path, mark: Path) -> Path:
    """It says 65,535; read into objects, its 61 MB become 600."""
    return _directory(folder, 1_300_000, b"a")


@trick("SEC121")
def directory_of_half_a_million_members(folder: Path, mark: Path) -> Path:
    return _directory(folder, 500_000, b"a")


@trick("SEC121")
def directory_of_names_of_sixty_kilobytes(folder: Path, mark: Path) -> Path:
    return _directory(folder, 400, b"a" * 60_000)


@trick("SEC111")
def directory_that_is_longer_than_all_memory(folder: Path, mark: Path) -> Path:
    begin = b"PK\x03\x04" + bytes(60)
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 60, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(begin), 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    (folder / "a.keras").write_bytes(begin + end + locator + last)
    return folder / "a.keras"


@trick("contained")
def archive_with_two_directories(folder: Path, mark: Path) -> Path:
    """Its locator leads to a small directory; zipfile reads the large one before the locator."""
    path = _directory(folder, 900_000, b"a")
    data = path.read_bytes()[:-22]
    length = len(data) - 64
    small = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 0, 0, 0, 64)
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 9, 9, length, 64)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 64, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    path.write_bytes(data[:64] + small + data[64:] + large + locator + last)
    return path


def _header(name: str, kind: bytes, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def _image(name: str = "0.png") -> bytes:
    data = png(8, 8)
    return _header(name, tarfile.REGTYPE, len(data)) + data + bytes(-len(data) % 512)


def _shard(folder: Path, data: bytes) -> Path:
    (folder / "a.tar").write_bytes(data + bytes(1024))
    return folder / "a.tar"


@trick("contained", "images")
def shard_with_a_header_of_sixty_megabytes(folder: Path, mark: Path) -> Path:
    comment = b"62914560 comment=" + b"a" * (60 * _MEGABYTE - 18) + b"\n"
    return _shard(folder, _header("x", tarfile.XHDTYPE, len(comment)) + comment + _image())


@trick("contained", "images")
def shard_with_a_chain_of_headers(folder: Path, mark: Path) -> Path:
    name = _header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 512) + b"a" * 512
    return _shard(folder, name * 50_000 + _image())


@trick("contained", "images")
def shard_with_a_file_of_a_million_holes(folder: Path, mark: Path) -> Path:
    """Each block of a sparse file's map may say that another one follows."""
    head = bytearray(_header("0.png", tarfile.GNUTYPE_SPARSE, 0))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    hole = (b"00000000001\0" * 2) * 21
    block = hole + b"\1" + bytes(512 - len(hole) - 1)
    return _shard(folder, bytes(head) + block * 60_000 + _image("1.png"))


@trick("contained", "images")
def shard_that_says_much_of_all_its_members(folder: Path, mark: Path) -> Path:
    said = b""
    for k in range(100):
        fact = f" k{k}=".encode() + b"a" * 499_000 + b"\n"
        fact = str(len(fact) + 6).encode() + fact
        said += _header("x", tarfile.XGLTYPE, len(fact)) + fact + bytes(-len(fact) % 512)
    return _shard(folder, said + _image())


@trick("contained", "images")
def shard_with_an_image_of_an_exabyte(folder: Path, mark: Path) -> Path:
    return _shard(folder, _image() + _header("1.png", tarfile.REGTYPE, 1 << 60) + bytes(512))


@trick("contained", "images")
def shard_with_an_image_of_ten_gigabytes(folder: Path, mark: Path) -> Path:
    head = _image() + _header("1.png", tarfile.REGTYPE, 10 << 30)
    return _sparse(folder / "a.tar", len(head) + (10 << 30) + 1024, head)


@trick("contained", "images")
def shard_with_labels_of_a_thousand_levels(folder: Path, mark: Path) -> Path:
    label = b"[" * 500_000
    more = _header("0.json", tarfile.REGTYPE, len(label)) + label + bytes(-len(label) % 512)
    return _shard(folder, _image() + more)


@trick("contained", "images")
def shard_of_two_hundred_thousand_links(folder: Path, mark: Path) -> Path:
    return _shard(folder, _header("0.png", tarfile.SYMTYPE) * 200_000 + _image("1.png"))


@trick("contained", "images")
def shard_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.tar")
    return folder / "a.tar"


@trick("contained", "images")
def shard_that_is_a_process_memory(folder: Path, mark: Path) -> Path:
    (folder / "a.tar").symlink_to("/proc/self/mem")
    return folder / "a.tar"


def _table(folder: Path, columns: dict[str, object], **more: object) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), folder / "a.parquet", **more)
    return folder / "a.parquet"


@trick("contained", "images")
def parquet_of_one_image_many_times(folder: Path, mark: Path) -> Path:
    """The dictionary holds one image of 32 MB, and a hundred rows name it: 3.2 GB of 33 kB."""
    import pyarrow as pa

    numbers = pa.array([0] * 100, pa.int8())
    image = pa.DictionaryArray.from_arrays(numbers, [bytes(32 * _MEGABYTE)])
    return _table(folder, {"image": image, "label": [1] * 100}, compression="zstd")


@trick("contained", "images")
def parquet_of_an_image_of_half_a_gigabyte(folder: Path, mark: Path) -> Path:
    image = [bytes(1 << 29), png(8, 8)]
    return _table(folder, {"image": image, "label": [1, 2]}, compression="zstd")


@trick("contained", "images")
def parquet_of_a_billion_rows(folder: Path, mark: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("image", pa.binary()), ("label", pa.int8())])
    rows = pa.record_batch([pa.nulls(10_000_000, kind) for kind in schema.types], schema=schema)
    with pq.ParquetWriter(folder / "a.parquet", schema) as writer:
        for _ in range(10):
            writer.write_batch(rows)
    return _sparse_end(folder / "a.parquet")


def _sparse_end(path: Path) -> Path:
    """The same table in a file of two gigabytes, of which nothing is written to the disk."""
    data = path.read_bytes()
    length = struct.unpack("<L", data[-8:-4])[0] + 8
    with path.open("r+b") as file:
        file.truncate(2 << 30)
        file.seek((2 << 30) - length)
        file.write(data[-length:])
    return path


@trick("contained", "images")
def parquet_of_a_hundred_thousand_columns(folder: Path, mark: Path) -> Path:
    columns = {f"c{k}": [0] for k in range(100_000)}
    return _table(folder, {"image": [b"a"], "label": [1]} | columns)


@trick("contained", "images")
def parquet_of_lists_of_lists(folder: Path, mark: Path) -> Path:
    import pyarrow as pa

    kind = pa.int8()
    for _ in range(400):
        kind = pa.list_(kind)
    return _table(folder, {"image": [b"a"], "label": pa.nulls(1, kind)})


@trick("contained", "images")
def parquet_with_names_of_a_million_classes(folder: Path, mark: Path) -> Path:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    names = {"info": {"features": {"label": {"names": [f"{k:020d}" for k in range(1_000_000)]}}}}
    table = pa.table({"image": [png(8, 8)], "label": [1]})
    facts = {b"huggingface": json.dumps(names).encode()}
    pq.write_table(table.replace_schema_metadata(facts), folder / "a.parquet", compression="zstd")
    return folder / "a.parquet"


@trick("contained", "images")
def parquet_whose_labels_are_texts_of_a_gigabyte(folder: Path, mark: Path) -> Path:
    import pyarrow as pa

    numbers = pa.array([0] * 16, pa.int8())
    label = pa.DictionaryArray.from_arrays(numbers, ["1" * (64 * _MEGABYTE)])
    return _table(folder, {"image": [b"a"] * 16, "label": label}, compression="zstd")


@trick("contained", "images")
def parquet_that_is_a_device(folder: Path, mark: Path) -> Path:
    (folder / "a.parquet").symlink_to("/dev/zero")
    return folder / "a.parquet"


def _record(data: bytes, length: int | None = None) -> bytes:
    from crc32c import crc32c

    def masked(content: bytes) -> bytes:
        value = crc32c(content)
        return struct.pack("<L", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    head = struct.pack("<Q", len(data) if length is None else length)
    return head + masked(head) + data + masked(data)


@trick("contained", "images")
def record_of_an_exabyte(folder: Path, mark: Path) -> Path:
    (folder / "a.tfrecord").write_bytes(_record(bytes(100), 1 << 60))
    return folder / "a.tfrecord"


@trick("contained", "images")
def record_of_ten_gigabytes(folder: Path, mark: Path) -> Path:
    return _sparse(folder / "a.tfrecord", (10 << 30) + 16, _record(b"", 10 << 30)[:12])


@trick("contained", "images")
def record_of_ten_million_features(folder: Path, mark: Path) -> Path:
    """Two bytes an empty feature, which protobuf makes an object of."""
    size = 20_000_000
    length = bytes(((size >> shift) & 0x7F) | 0x80 for shift in (0, 7, 14)) + bytes([size >> 21])
    (folder / "a.tfrecord").write_bytes(_record(b"\x0a" + length + b"\x0a\x00" * (size // 2)))
    return folder / "a.tfrecord"


@trick("contained", "images")
def records_of_nothing_by_the_million(folder: Path, mark: Path) -> Path:
    image = b"\x0a\x0d\x0a\x0b\x0a\x05image\x12\x02\x0a\x00"
    (folder / "a.tfrecord").write_bytes(_record(image) * 1_400_000)
    return folder / "a.tfrecord"


@trick("contained", "images")
def shard_of_labels_that_are_holes_in_the_file(folder: Path, mark: Path) -> Path:
    """Fifty gigabytes of zeros, of which the disk keeps the headers."""
    with (folder / "a.tar").open("wb") as file:
        file.write(_image())
        for k in range(50_000):
            file.write(_header(f"{k}.json", tarfile.REGTYPE, _MEGABYTE))
            file.seek(_MEGABYTE, os.SEEK_CUR)
        file.write(bytes(1024))
    return folder / "a.tar"


@trick("contained", "images")
def record_of_a_number_without_end(folder: Path, mark: Path) -> Path:
    (folder / "a.tfrecord").write_bytes(_record(b"\xff" * _MEGABYTE))
    return folder / "a.tfrecord"


@trick("contained", "images")
def cifar_of_a_terabyte(folder: Path, mark: Path) -> Path:
    return _sparse(folder / "test_batch.bin", 3073 * (1 << 28))
