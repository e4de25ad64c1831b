"""Data sets at addresses: the same images, labels and hashes as in a folder."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoodiff.addresses import is_address
from zoodiff.data.images import content_hash
from zoodiff.data.layouts import open_images
from zoodiff.data.places import part_of, place
from zoodiff.errors import UsageError

fsspec = pytest.importorskip("fsspec", reason="the remote extra")
CLASSES = ("n01440764", "n01443537")


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def by_class(folder: Path) -> Path:
    for k in range(6):
        path = folder / CLASSES[k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(k))
    return folder


def flat(folder: Path) -> Path:
    folder.mkdir()
    for k in range(4):
        (folder / f"{k}.png").write_bytes(png(k))
    (folder / "labels.txt").write_text("".join(f"{k}.png {k % 2}\n" for k in range(4)))
    return folder


def shards(folder: Path) -> Path:
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"val-{shard:03d}.tar", "w") as archive:
            for k in range(3):
                for name, data in ((f"{k}.png", png(9 * shard + k)), (f"{k}.cls", b"7")):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    return folder


def parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    rows = [{"image": {"bytes": png(k), "path": None}, "label": k % 3} for k in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "test-0.parquet")
    return folder


@pytest.fixture(params=["memory", "s3"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A place in fsspec's own memory, and one on an S3 server."""
    if request.param == "s3":
        yield request.getfixturevalue("bucket")
        return
    name = f"memory://{request.node.name.replace('[', '-').rstrip(']')}"
    yield name
    system, path = fsspec.core.url_to_fs(name)
    if system.exists(path):
        system.rm(path, recursive=True)


def upload(folder: Path, address: str) -> None:
    system, root = fsspec.core.url_to_fs(address)
    for path in folder.rglob("*"):
        if path.is_file():
            system.pipe_file(f"{root}/{path.relative_to(folder)}", path.read_bytes())


def facts(images) -> object:
    encoded = [images.read(k) for k in range(len(images))]
    labels = [sample.label for sample in images.samples]
    import hashlib

    hashes = [hashlib.sha256(one).digest() for one in encoded]
    names = [sample.name for sample in images.samples]
    return names, labels, images.layout, content_hash(zip(hashes, labels, strict=True))


@pytest.mark.parametrize("make", [by_class, shards, parquet])
def test_a_data_set_at_an_address_is_the_one_in_the_folder(
    make, address: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "val")
    upload(folder, f"{address}/val")
    assert facts(open_images(f"{address}/val")) == facts(open_images(str(folder)))
    assert open_images(f"{address}/val").stamp == open_images(f"{address}/val").stamp


def test_labels_of_a_flat_folder_lie_at_an_address_too(address: str, tmp_path: Path) -> None:
    folder = flat(tmp_path / "val")
    upload(folder, f"{address}/val")
    there = open_images(f"{address}/val", truth=place(f"{address}/val/labels.txt"))
    here = open_images(str(folder), truth=folder / "labels.txt")
    assert facts(there) == facts(here)


def test_patterns_of_shards_work_at_an_address(address: str, tmp_path: Path) -> None:
    upload(shards(tmp_path / "val"), f"{address}/val")
    one = open_images(f"{address}/val/val-001.tar")
    assert len(one) == 3
    assert len(open_images(f"{address}/val/val-{{000..001}}.tar")) == 6
    assert len(open_images(f"{address}/val/*.tar")) == 6


def test_another_content_has_another_stamp(address: str, tmp_path: Path) -> None:
    upload(by_class(tmp_path / "val"), address)
    before = open_images(address).stamp
    system, root = fsspec.core.url_to_fs(address)
    system.pipe_file(f"{root}/{CLASSES[0]}/0.png", png(77) + b" ")
    assert open_images(address).stamp != before


def test_of_a_shard_only_the_image_is_read(address: str) -> None:
    system, root = fsspec.core.url_to_fs(address)
    system.pipe_file(f"{root}/a", bytes(range(100)))
    assert part_of(place(f"{address}/a"), 10, 3) == bytes([10, 11, 12])


def test_what_is_not_there_is_one_sentence(address: str) -> None:
    with pytest.raises(UsageError, match="there is no data set at "):
        open_images(f"{address}/nothing")
    with pytest.raises(UsageError, match="nosuch://a/b cannot be opened"):
        open_images("nosuch://a/b")
    assert not is_address("C:/images")


def test_an_address_of_this_machine_is_a_path(tmp_path: Path) -> None:
    folder = by_class(tmp_path / "val")
    assert facts(open_images(f"file://{folder}")) == facts(open_images(str(folder)))
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(UsageError, match="it is a pipe, not a file"):
        open_images(f"file://{tmp_path}/a.tar")
    with pytest.raises(UsageError, match="there is no data set at"):
        open_images(f"file://{tmp_path}/nothing")
    assert len(open_images(f"file://{folder}/{CLASSES[0]}")) == 3


@pytest.mark.parametrize("address", ["zip://*.png::{0}/a.zip", "tar://a.tar", "s3://a::b/c"])
def test_what_lies_in_another_file_is_not_opened(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lies inside another file"):
        open_images(address.format(tmp_path))
