"""Encoded images on their way to the worker that decodes them, so many bytes at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from zoodiff.bounded.files import TooLargeError
from zoodiff.data.images import ImageSet

_ALL_PIPELINES = 48 << 20
_ONE_PIPELINE = 4 << 20
"""Bytes that all pipelines hold together, and that each may hold however many there are."""


class EncodedImages:
    """Reads images for several pipelines; of large ones only one is held at a time by all of
    them."""

    def __init__(self, images: ImageSet, pipelines: int) -> None:
        self._images = images
        self._most = max(_ONE_PIPELINE, _ALL_PIPELINES // pipelines)
        self._large = threading.Lock()

    def pieces(self, numbers: Sequence[int], failed: dict[int, str]) -> Iterator[list[bytes]]:
        """The images of these numbers in lists that follow each other; mostly one list holds all.

        An image that cannot be read is empty, and ``failed`` gets the reason by its position. A
        list is emptied when the next one is asked for.
        """
        piece: list[bytes] = []
        held = 0
        for position, number in enumerate(numbers):
            try:
                data = self._images.read(number, self._most)
            except TooLargeError:
                if piece:
                    yield piece
                    piece.clear()  # before the next is read
                with self._large:
                    piece, held = [self._read(number, position, failed)], 0
                    yield piece
                    piece.clear()
                continue
            except OSError as error:
                data, failed[position] = b"", _unread(error)
            if piece and held + len(data) > self._most:
                yield piece
                piece.clear()
                held = 0
            piece.append(data)
            held += len(data)
        if piece:
            yield piece

    def _read(self, number: int, position: int, failed: dict[int, str]) -> bytes:
        try:
            return self._images.read(number)
        except OSError as error:
            failed[position] = _unread(error)
            return b""


def _unread(error: OSError) -> str:
    return f"it cannot be read ({error.strerror or error})"
