"""Decode and resize image files with the library that a geometry names."""

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
"""The type in which a library holds an image."""


class Decoder(Protocol[Image]):
    """Decodes and resizes images with one library."""

    def decode(self, data: bytes, *, exif: bool) -> Image:
        """Return the decoded image in RGB; raise ImageError if the data is no image."""
        ...

    def size(self, image: Image) -> tuple[int, int]:
        """Return rows and columns."""
        ...

    def resized(
        self,
        image: Image,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        geometry: Geometry,
    ) -> NDArray[Any]:
        """Return the pixels in the box, resized: (rows, columns, 3), uint8 or float32."""
        ...


@cache
def decoder(library: Library) -> Decoder[Any]:
    """Import a library and return its decoder; raise MissingFrameworkError if not installed."""
    makers: dict[Library, Callable[[], Decoder[Any]]] = {
        "pillow": _pillow,
        "torchvision": _torchvision,
        "torchvision_v2": _torchvision_v2,
        "tensorflow": _tensorflow,
        "opencv": _opencv,
    }
    return makers[library]()


def pixels(data: bytes, geometries: Sequence[Geometry]) -> list[NDArray[Any]]:
    """Return an array (rows, columns, 3) per geometry; the image is decoded once per library.

    Raises ImageError if the data is no complete image.
    """
    images: dict[tuple[Library, bool], Any] = {}
    arrays = []
    for geometry in geometries:
        library = decoder(geometry.library)
        key = (geometry.library, geometry.exif)
        if key not in images:
            images[key] = library.decode(data, exif=geometry.exif)
        image = images[key]
        plan = steps(geometry, *library.size(image))
        if plan.size[0] * plan.size[1] > LARGEST:
            # A strip one pixel wide is a small file and large once its short side is resized.
            raise ImageError("it is too long and narrow to be resized")
        arrays.append(
            _cropped(library.resized(image, plan.before, plan.size, geometry), plan.after)
        )
    return arrays


def extent(data: bytes, geometry: Geometry) -> tuple[int, int]:
    """Return rows and columns of an image before resizing; raise ImageError for invalid data."""
    library = decoder(geometry.library)
    return library.size(library.decode(data, exif=geometry.exif))


def _cropped(image: NDArray[Any], box: tuple[int, int, int, int] | None) -> NDArray[Any]:
    """Return the pixels in the box, 0 outside the image."""
    import numpy as np

    if box is None:
        return image
    top, left, rows, columns = box
    size = image.shape[:2]
    if top >= 0 and left >= 0 and top + rows <= size[0] and left + columns <= size[1]:
        return image[top : top + rows, left : left + columns]
    padded = np.zeros((rows, columns, image.shape[2]), dtype=image.dtype)
    inside = image[max(top, 0) : top + rows, max(left, 0) : left + columns]
    row, column = max(-top, 0), max(-left, 0)
    padded[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return padded


def _pillow() -> Decoder[Any]:
    from zoodiff.preprocessing.with_pillow import Pillow

    return Pillow()


def _torchvision() -> Decoder[Any]:
    from zoodiff.preprocessing.with_torchvision import Torchvision

    return Torchvision()


def _torchvision_v2() -> Decoder[Any]:
    from zoodiff.preprocessing.with_torchvision import TorchvisionV2

    return TorchvisionV2()


def _tensorflow() -> Decoder[Any]:
    from zoodiff.preprocessing.with_tensorflow import TensorFlow

    return TensorFlow()


def _opencv() -> Decoder[Any]:
    from zoodiff.preprocessing.with_opencv import OpenCV

    return OpenCV()
