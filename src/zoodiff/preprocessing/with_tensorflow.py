"""Decoding and resizing by TensorFlow, as Model Garden and slim do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.errors import ImageError, UsageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.preprocessing.limits import LARGEST, check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_METHODS = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos3",
    "area": "area",
}


class _Image(Protocol):
    """A tensor (rows, columns, 3)."""

    shape: Sequence[int]

    def __getitem__(self, part: tuple[slice, ...]) -> _Image: ...

    def numpy(self) -> NDArray[Any]: ...


class TensorFlow:
    """See ``zoodiff.preprocessing.pixels.Decoder``."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf

    def decode(self, data: bytes, *, exif: bool) -> _Image:
        """Return a tensor (rows, columns, 3) of uint8."""
        if exif:
            raise UsageError("TensorFlow does not know EXIF orientations; take exif = false")
        check_size(data)
        try:
            image = self._tf.io.decode_image(data, channels=3, expand_animations=False)
        except (self._tf.errors.OpError, ValueError) as error:
            reason = str(getattr(error, "message", error)).splitlines()
            raise ImageError(reason[0] if reason else repr(error)) from None
        if image.shape[0] * image.shape[1] > LARGEST:
            raise ImageError("it is too large")
        decoded: _Image = image
        return decoded

    def size(self, image: _Image) -> tuple[int, int]:
        """Return rows and columns."""
        return int(image.shape[0]), int(image.shape[1])

    def resized(
        self,
        image: _Image,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        geometry: Geometry,
    ) -> NDArray[Any]:
        """Resize in float32 by ``tf.image.resize``, and round if the geometry says so."""
        tf = self._tf
        legacy = geometry.interpolation == "bilinear_tf1"
        if geometry.interpolation not in _METHODS and not legacy:
            raise UsageError(f"TensorFlow does not resize by {geometry.interpolation}")
        if geometry.unit:
            image = tf.image.convert_image_dtype(image, tf.float32)
        if box is not None:
            top, left, rows, columns = box
            image = image[top : top + rows, left : left + columns]
        if legacy:
            batch = tf.cast(image, tf.float32)[tf.newaxis]
            image = tf.raw_ops.ResizeBilinear(images=batch, size=size)[0]
        else:
            image = tf.image.resize(
                image, size, method=_METHODS[geometry.interpolation], antialias=geometry.antialias
            )
        if geometry.rounded:
            image = tf.saturate_cast(tf.round(image), tf.uint8)
        else:
            image = tf.cast(image, tf.float32)
        pixels: NDArray[Any] = image.numpy()
        return pixels
