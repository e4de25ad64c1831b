"""Positions of images in files: file, first byte, number of bytes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from zoodiff.bounded.files import too_large
from zoodiff.data.images import LARGEST_IMAGE, MOST_IMAGES
from zoodiff.data.places import Place, part_of
from zoodiff.errors import UsageError


class Extents:
    """The positions of images in several files; each takes twenty bytes of memory."""

    def __init__(self, files: Sequence[Place]) -> None:
        self._files = files
        self._numbers, self._starts, self._sizes = array("l"), array("q"), array("q")

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, file: int, start: int, size: int) -> None:
        """Add an image; raise UsageError above ``MOST_IMAGES`` images."""
        if len(self) >= MOST_IMAGES:
            raise UsageError(f"{self._files[file]} holds more than {MOST_IMAGES:,} images")
        self._numbers.append(file)
        self._starts.append(start)
        self._sizes.append(size)

    def read(self, number: int, most: int = LARGEST_IMAGE) -> bytes:
        """Return the bytes of an image; raise OSError if it is missing or above ``most`` bytes."""
        size = self._sizes[number]
        if size > most:
            raise too_large(size, most)
        if size < 0:
            raise OSError("the record's image holds no bytes")
        return part_of(self._files[self._numbers[number]], self._starts[number], size)
