"""Writes small PNG images with the same bytes on every machine and in every version."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_BYTES = 65_535
"""Most bytes of one stored block of DEFLATE; libraries split longer data differently."""


def grey_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return (rows, columns) grey pixels as a PNG file without compression.

    The hash of a data set depends on the bytes of its images, and compressing libraries give
    different bytes in different versions. Raises ValueError for an image of more than 65,535 bytes.
    """
    rows, columns = pixels.shape
    # Each row begins with the number of its filter: 0, none.
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    if len(lines) > _MOST_BYTES:
        raise ValueError(f"an image of {rows} x {columns} pixels is too large to be stored so")
    size = struct.pack("<HH", len(lines), len(lines) ^ 0xFFFF)
    data = b"\x78\x01\x01" + size + lines + struct.pack(">I", zlib.adler32(lines))
    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
