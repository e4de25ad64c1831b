"""Decode and resize an image file with the library of the geometry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from zoodiff.errors import ImageError
from zoodiff.preprocessing.geometry import Geometry, steps
from zoodiff.preprocessing.limits import LARGEST
from zoodiff.preprocessing.spec import Library

if TYPE_CHECKING:
    from numpy.typing import NDArray


Image = TypeVar("Image")
"""An image as a library holds it."""


class Decoder(Protocol[Image]):
    """One library's way of decoding and resizing."""

    def decode(self, data: bytes, *, exif: bool) -> Image:
        """The image as the library holds it, in RGB; raise ImageError for anything else."""
        ...

    def size(self, image: Image) -> tuple[int, int]:
        """Rows and columns."""
        ...

    def resized(
        self,
        image: Image,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        how: Geometry,
    ) -> NDArray[Any]:
        """The part in the box, resized: (rows, columns, 3), uint8 or float32."""
        ...


@cache
def decoder(library: Library) -> Decoder[Any]:
    """The decoder of a library, which this imports; raise MissingFrameworkError without it."""
    makers: dict[Library, Callable[[], Decoder[Any]]] = {
        "pillow": _pillow,
        "torchvision": _torchvision,
        "tensorflow": _tensorflow,
        "opencv": _opencv,
    }
    return makers[library]()


def pixels(data: bytes, wanted: Sequence[Geometry]) -> list[NDArray[Any]]:
    """One array (rows, columns, 3) for each geometry; decoded once for each library.

    Raises ImageError where the data is no whole image.
    """
    images: dict[tuple[Library, bool], Any] = {}
    found = []
    for one in wanted:
        by = decoder(one.library)
        key = (one.library, one.exif)
        if key not in images:
            images[key] = by.decode(data, exif=one.exif)
        image = images[key]
        todo = steps(one, *by.size(image))
        if todo.size[0] * todo.size[1] > LARGEST:
            # A strip one pixel wide is a small file and large once its short side is resized.
            raise ImageError("it is too long and narrow to be resized")
        found.append(_taken(by.resized(image, todo.before, todo.size, one), todo.after))
    return found


def extent(data: bytes, how: Geometry) -> tuple[int, int]:
    """Return rows and columns of an image before resizing; raise ImageError for invalid data."""
    by = decoder(how.library)
    return by.size(by.decode(data, exif=how.exif))


def _taken(image: NDArray[Any], box: tuple[int, int, int, int] | None) -> NDArray[Any]:
    """Return the pixels in the box, 0 outside the image."""
    import numpy as np

    if box is None:
        return image
    top, left, rows, columns = box
    have = image.shape[:2]
    if top >= 0 and left >= 0 and top + rows <= have[0] and left + columns <= have[1]:
        return image[top : top + rows, left : left + columns]
    made = np.zeros((rows, columns, image.shape[2]), dtype=image.dtype)
    inside = image[max(top, 0) : top + rows, max(left, 0) : left + columns]
    first, second = max(-top, 0), max(-left, 0)
    made[first : first + inside.shape[0], second : second + inside.shape[1]] = inside
    return made


def _pillow() -> Decoder[Any]:
    from zoodiff.preprocessing.with_pillow import Pillow

    return Pillow()


def _torchvision() -> Decoder[Any]:
    from zoodiff.preprocessing.with_torchvision import Torchvision

    return Torchvision()


def _tensorflow() -> Decoder[Any]:
    from zoodiff.preprocessing.with_tensorflow import TensorFlow

    return TensorFlow()


def _opencv() -> Decoder[Any]:
    from zoodiff.preprocessing.with_opencv import OpenCV

    return OpenCV()
