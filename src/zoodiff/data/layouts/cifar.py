"""Reads CIFAR-10 and CIFAR-100 in their binary form.

A record is the label (for CIFAR-100 the coarse and the fine one) and 3,072 bytes: 32 x 32 pixels,
all red, all green, all blue. https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from zoodiff.data.images import LARGEST_IMAGE, MOST_IMAGES, ImageSet, Samples, stamp
from zoodiff.data.labels import CIFAR_10, CIFAR_100, LabelSpace
from zoodiff.data.layouts.extents import Extents
from zoodiff.data.places import Place, opened, size_of, stat_of
from zoodiff.errors import UsageError

_TEN = ("test_batch.bin", *(f"data_batch_{k}.bin" for k in range(1, 6)))
_HUNDRED = ("test.bin", "train.bin")
FILES = frozenset([*_TEN, *_HUNDRED])
_PIXELS = 3072


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Return the test images if their file is among ``files``, otherwise all images."""
    tests = [path for path in files if path.name in {"test_batch.bin", "test.bin"}]
    chosen = tests or list(files)
    hundred = chosen[0].name in _HUNDRED
    width = _PIXELS + (2 if hundred else 1)
    labels: list[int | None] = []
    places = Extents(chosen)
    for number, path in enumerate(chosen):
        size = size_of(path)
        if size == 0 or size % width:
            raise UsageError(f"{path} is no CIFAR file: {size} bytes are not n x {width}")
        if size // width > MOST_IMAGES:
            raise UsageError(f"{path} is no CIFAR file: it has {size // width:,} images")
        with opened(path) as file:
            for start in range(0, size, width):
                record = file.read(width)
                if len(record) < width:
                    raise UsageError(f"{path} is no CIFAR file: it ends in the middle of an image")
                labels.append(record[width - _PIXELS - 1])
                places.add(number, start + width - _PIXELS, _PIXELS)
    meaning = CIFAR_100 if hundred else CIFAR_10
    largest = max(label for label in labels if label is not None)
    if largest >= meaning.classes:
        raise UsageError(f"{chosen[0]} has the label {largest}, which {meaning.name} does not have")
    return ImageSet(
        meaning.name,
        "CIFAR binaries",
        Samples([f"{k}" for k in range(len(labels))], labels),
        space or meaning,
        lambda number, most=LARGEST_IMAGE: _png(places.read(number)),
        stamp(stat_of(path) for path in chosen),
    )


def _png(pixels: bytes) -> bytes:
    import numpy as np
    from PIL import Image

    if len(pixels) < _PIXELS:
        raise OSError("the file has become shorter")
    image = np.frombuffer(pixels, np.uint8).reshape(3, 32, 32).transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
