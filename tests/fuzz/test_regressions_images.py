"""What fuzzing found in images and in how they are to be prepared, cut down to what matters."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from zoodiff.errors import ImageError, UsageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.preprocessing.limits import check_size
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos.files import sidecar


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("resize", size) for size in (0, -1, 10**9, [10**9, 3])),
        *(("input_size", size) for size in ([0, 3], [10**9, 10**9])),
        *(("crop_fraction", part) for part in (0, -1, 1.5, 1e-320, float("nan"))),
        *(("std", std) for std in ([0, 1, 1], [float("nan"), 1, 1], [float("inf"), 1, 1])),
        ("value_range", [0, float("inf")]),
    ],
)
def test_numbers_that_prepare_no_image_are_refused(key: str, value: Any) -> None:
    """They ended in arrays of all memory, in a division by 0 or in numbers that are none."""
    with pytest.raises(UsageError, match=rf"preprocessing\.{key} ="):
        sidecar.specification({key: value}, "here")


def test_a_strip_is_not_resized() -> None:
    """A file of a few kilobytes would have become 19 GB."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (1, 60_000)).save(buffer, "PNG")
    how = Geometry("pillow", "short_side", (224, 224), 256, None, "bilinear", True, False, False)
    with pytest.raises(ImageError, match="long and narrow"):
        pixels(buffer.getvalue(), [how])


def test_an_image_that_says_it_is_huge_is_not_decoded() -> None:
    made = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    for kind, body in ((b"IHDR", head), (b"IDAT", b"x"), (b"IEND", b"")):
        made += struct.pack(">I", len(body)) + kind + body
        made += struct.pack(">I", zlib.crc32(kind + body))
    with pytest.raises(ImageError, match="too large"):
        check_size(made)


def test_a_head_that_says_nothing_is_not_decoded() -> None:
    """OpenCV asked for 1.6 GiB before it gave up."""
    head = struct.pack(">IIBBBBB", 15_204_372, 5_134, 1, 64, 0, 0, 0)
    made = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + b"IHDR" + head
    made += struct.pack(">I", zlib.crc32(b"IHDR" + head))
    with pytest.raises(ImageError, match="header is damaged"):
        check_size(made)


@pytest.mark.torch
def test_a_resize_without_memory_is_said_to_be_that() -> None:
    pytest.importorskip("torch")
    from zoodiff.preprocessing.with_torchvision import Torchvision

    class Poor:
        def resize(self, *given: Any, **how: Any) -> None:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    by = Torchvision()
    by._functional = Poor()
    how = Geometry("torchvision", "squash", (2, 2), (2, 2), None, "bilinear", True, False, False)
    with pytest.raises(MemoryError, match="allocate memory"):
        by.resized(np.zeros((3, 4, 4), dtype=np.uint8), None, (2, 2), how)
