"""Reads encoded images for decoding workers, with a limit of bytes in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from zoodiff.bounded.files import TooLargeError
from zoodiff.data.images import ImageSet

_ALL_PIPELINES = 48 << 20
_ONE_PIPELINE = 4 << 20
"""Most bytes held by all pipelines together, and the least limit of one pipeline."""


class EncodedImages:
    """Reads images for several pipelines; only one large image is in memory at a time."""

    def __init__(self, images: ImageSet, pipelines: int) -> None:
        self._images = images
        self._most = max(_ONE_PIPELINE, _ALL_PIPELINES // pipelines)
        self._large = threading.Lock()

    def pieces(self, numbers: Sequence[int], failed: dict[int, str]) -> Iterator[list[bytes]]:
        """Yield the images of these numbers in one or more lists; usually one.

        An image that cannot be read is empty, and its reason is added to ``failed`` by position. A
        list is emptied when the next one is requested.
        """
        piece: list[bytes] = []
        size = 0
        for position, number in enumerate(numbers):
            try:
                data = self._images.read(number, self._most)
            except TooLargeError:
                if piece:
                    yield piece
                    piece.clear()  # before the next is read
                with self._large:
                    piece, size = [self._read(number, position, failed)], 0
                    yield piece
                    piece.clear()
                continue
            except OSError as error:
                data, failed[position] = b"", _reason(error)
            if piece and size + len(data) > self._most:
                yield piece
                piece.clear()
                size = 0
            piece.append(data)
            size += len(data)
        if piece:
            yield piece

    def _read(self, number: int, position: int, failed: dict[int, str]) -> bytes:
        try:
            return self._images.read(number)
        except OSError as error:
            failed[position] = _reason(error)
            return b""


def _reason(error: OSError) -> str:
    return f"it cannot be read ({error.strerror or error})"
