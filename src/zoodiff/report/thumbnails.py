"""Small pictures of a study's images, read again from its data set and decoded in a worker."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoodiff.addresses import is_address
from zoodiff.data import digits
from zoodiff.data.images import ImageSet
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import UsageError, ZoodiffError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.study import config as studies
from zoodiff.study.result import StudyResult
from zoodiff.zoos.decoding import decoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 96
"""Rows and columns of a picture: the middle of the image, whose short side has this length."""
MOST_CHARACTERS = 2 << 20
"""Of all pictures in the page of a report."""
_GEOMETRY = Geometry(
    library="pillow",
    policy="short_side",
    size=(SIDE, SIDE),
    resize=SIDE,
    crop_fraction=None,
    interpolation="bilinear",
    antialias=True,
    exif=True,
    unit=False,
)
_QUALITY = 80


class Thumbnails:
    """Makes pictures of images that are known by number and content; each is made once."""

    def __init__(self, images: ImageSet, pool: WorkerPool) -> None:
        self._images, self._pool = images, pool
        self._addresses: dict[str, str | None] = {}
        self._characters = 0
        self._worker_failed = False

    @property
    def addresses(self) -> Mapping[str, str]:
        """The pictures as ``data:`` addresses, by name."""
        return {name: address for name, address in self._addresses.items() if address is not None}

    def add(self, number: int, key: int) -> tuple[str, str] | None:
        """Return the name of an image's picture, and the image's own name in the data set.

        ``key`` is the first 8 bytes of its sha256, as a number. None if the data set has another
        image of this number, if it cannot be read or decoded, or if the page has no room.
        """
        if not 0 <= key < 1 << 64 or not 0 <= number < len(self._images):
            return None  # predictions that were edited
        name = f"{key:016x}"
        if name not in self._addresses:
            has_room = self._characters < MOST_CHARACTERS and not self._worker_failed
            address = self._address(number, key) if has_room else None
            self._addresses[name] = address
            self._characters += len(address or "")
        if self._addresses[name] is None:
            return None
        return name, self._images.samples[number].name

    def _address(self, number: int, key: int) -> str | None:
        try:
            data = self._images.read(number)
        except (OSError, ZoodiffError):
            return None
        if hashlib.sha256(data).digest()[:8] != key.to_bytes(8, "big"):
            return None
        try:
            pixels = self._pixels(data)
        except ZoodiffError:
            self._worker_failed = True
            return None
        return None if pixels is None else _jpeg(pixels)

    def _pixels(self, data: bytes) -> NDArray[Any] | None:
        """Return the pixels of an image, (rows, columns, 3); None if it cannot be decoded."""
        import numpy as np

        worker = self._pool.worker(decoding([_GEOMETRY.library]), "decode")
        doing = f"decoding an image of {self._images.name}"
        answer = worker.decode([data], [_GEOMETRY], doing=doing)
        if len(answer.extents) != 1:
            return None
        pixels: NDArray[Any] = worker.pixels_of(answer.pixels[0], 1, _GEOMETRY)[0]
        if self._images.name == digits.NAME and self._images.layout.startswith("scikit-learn"):
            stretched = pixels.astype(np.uint16) * 255 // digits.BRIGHTEST
            pixels = np.minimum(stretched, 255).astype(np.uint8)
        return pixels


def _jpeg(pixels: NDArray[Any]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def data_set_of(result: StudyResult) -> ImageSet:
    """Return the data set of a study's accuracies.

    A path that is not absolute is taken from the current folder. Raises a ZoodiffError if the study
    names none, or if it is not there; also for an address, since the results may be of others, who
    would choose what is fetched.
    """
    table = studies.parse(result.study_text, f"{result.study} (in its run)").study.accuracy
    if table is None:
        raise UsageError("the study names no data set")
    if is_address(table.data):
        raise UsageError("its data set is at an address, from which a report fetches nothing")
    return open_images(table.data, split=table.split or "")
