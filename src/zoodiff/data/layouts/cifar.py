"""CIFAR-10 and CIFAR-100 in their binary form.

A record is the label (for CIFAR-100 the coarse and the fine one) and 3,072 bytes: 32 x 32 pixels,
all red, all green, all blue. https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from zoodiff.data.images import ImageSet, Sample, stamp
from zoodiff.data.labels import CIFAR_10, CIFAR_100, LabelSpace
from zoodiff.data.places import Place, stat_of
from zoodiff.errors import UsageError

_TEN = ("test_batch.bin", *(f"data_batch_{k}.bin" for k in range(1, 6)))
_HUNDRED = ("test.bin", "train.bin")
FILES = frozenset([*_TEN, *_HUNDRED])
_PIXELS = 3072


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """The test images, or those of the files that are there."""
    import numpy as np

    tests = [path for path in files if path.name in {"test_batch.bin", "test.bin"}]
    chosen = tests or list(files)
    hundred = chosen[0].name in _HUNDRED
    width = _PIXELS + (2 if hundred else 1)
    parts = []
    for path in chosen:
        raw = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        if len(raw) == 0 or len(raw) % width:
            raise UsageError(f"{path} is no CIFAR file: {len(raw)} bytes are not n x {width}")
        parts.append(raw.reshape(-1, width))
    rows = np.concatenate(parts)
    labels = rows[:, width - _PIXELS - 1]
    meaning = CIFAR_100 if hundred else CIFAR_10
    if int(labels.max()) >= meaning.classes:
        raise UsageError(f"{chosen[0]} has the label {labels.max()}, which {meaning.name} has not")
    samples = [Sample(f"{k}", int(label)) for k, label in enumerate(labels)]

    def get(number: int) -> bytes:
        from PIL import Image

        image = rows[number, -_PIXELS:].reshape(3, 32, 32).transpose(1, 2, 0)
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return ImageSet(
        meaning.name,
        "CIFAR binaries",
        samples,
        space or meaning,
        get,
        stamp([stat_of(path) for path in chosen]),
    )
