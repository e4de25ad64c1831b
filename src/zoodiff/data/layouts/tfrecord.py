"""Reads TFRecord files of ``tf.train.Example``, as TensorFlow Datasets and Model Garden write.

A record is a length (8 bytes, little-endian), a masked CRC-32C of it (4), the data, and a masked
CRC-32C of the data (4): tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from zoodiff.data.images import LARGEST_IMAGE, ImageSet, Samples, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.layouts import example
from zoodiff.data.layouts.extents import Extents
from zoodiff.data.places import Place, opened, size_of, stat_of
from zoodiff.errors import MissingFrameworkError, UsageError

_IMAGES = ("image", "image/encoded")
_LABELS = ("label", "image/class/label")
_LARGEST = LARGEST_IMAGE + (1 << 20)
"""Most bytes of a record: an image and its other features."""
_MANY, _SMALL = 200_000, 256
"""Most records of any file, and bytes of the file per further record."""


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Return the images of TFRecord files; raise UsageError that names file and byte of damage."""
    names: list[str] = []
    labels: list[int | None] = []
    places = Extents(files)
    one_based = False
    for number, path in enumerate(files):
        for offset, data in _records(path):
            features = _features(data, path)
            image = next((key for key in _IMAGES if key in features), None)
            if image is None:
                keys = ", ".join(sorted(features))[:200]
                raise UsageError(f"the TFRecord {path} holds no image; it holds {keys}")
            start, size = features[image].first_bytes or (0, -1)
            key = next((k for k in _LABELS if k in features), None)
            label = features[key].first_integer if key else None
            one_based |= label is not None and key == "image/class/label"
            names.append(f"{path.name}#{len(names)}")
            labels.append(label)
            places.add(number, offset + start, size)
    if not names:
        raise UsageError(f"there is no image in {files[0]}")
    notes: tuple[str, ...] = ()
    if one_based and None not in labels and 0 not in labels:
        labels = [label - 1 for label in labels if label is not None]
        notes = ("labels count from 1, as Model Garden writes them; 1 was taken away",)
    return ImageSet(
        files[0].name.split(".")[0].split("-")[0],
        f"{len(files)} TFRecord files" if len(files) > 1 else "a TFRecord file",
        Samples(names, labels),
        (space or IMAGENET_1K) if None not in labels else None,
        places.read,
        stamp(stat_of(path) for path in files),
        notes,
    )


def _records(path: Place) -> Iterator[tuple[int, bytes]]:
    """Yield the position and the data of each record."""
    crc32c = _checksum()

    def matches_checksum(data: bytes, stored: bytes) -> bool:
        value = crc32c(data)
        masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
        return bool(masked == int.from_bytes(stored, "little"))

    with opened(path) as file:
        size, offset = size_of(path), 0
        count, most = 0, _MANY + size // _SMALL
        while offset < size:
            count += 1
            if count > most:
                raise UsageError(f"the TFRecord {path} has more than {most:,} records")
            head = file.read(12)
            if len(head) < 12:
                raise UsageError(f"the TFRecord {path} ends in the middle, at byte {offset}")
            length = int.from_bytes(head[:8], "little")
            if not matches_checksum(head[:8], head[8:]) or length > size - offset:
                raise UsageError(f"the TFRecord {path} is damaged at byte {offset}")
            if length > _LARGEST:
                raise UsageError(
                    f"the TFRecord {path} has a record of {length:,} bytes at byte {offset}, and "
                    f"{_LARGEST:,} are read at most"
                )
            data = file.read(length)
            if not matches_checksum(data, file.read(4)):
                raise UsageError(f"the TFRecord {path} is damaged at byte {offset}")
            yield offset + 12, data
            offset += 12 + length + 4


def _features(data: bytes, path: Place) -> dict[str, example.Feature]:
    try:
        return example.features(data)
    except ValueError:
        raise UsageError(f"the TFRecord {path} holds no tf.train.Example") from None


@cache
def _checksum() -> Any:
    try:
        from crc32c import crc32c
    except ImportError:
        raise MissingFrameworkError(
            'TFRecords need the package crc32c; install it with: pip install "zoodiff[tfrecord]"'
        ) from None
    return crc32c
