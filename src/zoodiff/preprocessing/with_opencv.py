"""Decoding and resizing by OpenCV."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from zoodiff.errors import ImageError, MissingFrameworkError, UsageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.preprocessing.limits import LARGEST, check_size, check_whole

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray


class OpenCV:
    """See ``zoodiff.preprocessing.pixels.Decoder``."""

    def __init__(self) -> None:
        # OpenCV reads the limit at import. It holds for formats that check_size does not know.
        os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(LARGEST))
        try:
            import cv2
        except ImportError:
            raise MissingFrameworkError(
                "a preprocessing names opencv, which is not installed; install it with: "
                'pip install "zoodiff[opencv]"'
            ) from None
        cv2.setNumThreads(1)
        self._cv2 = cv2
        self._methods = {
            "nearest": cv2.INTER_NEAREST,
            "bilinear": cv2.INTER_LINEAR,
            "bicubic": cv2.INTER_CUBIC,
            "lanczos": cv2.INTER_LANCZOS4,
            "area": cv2.INTER_AREA,
        }

    def decode(self, data: bytes, *, exif: bool) -> NDArray[np.uint8]:
        """Return an array (rows, columns, 3) of uint8 in RGB; OpenCV's own order is BGR."""
        import numpy as np

        check_whole(data)
        check_size(data)
        flags = self._cv2.IMREAD_COLOR if exif else _ignore_orientation(self._cv2)
        try:
            image = self._cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except self._cv2.error as error:
            raise ImageError(" ".join(str(error).split())) from None
        if image is None:
            raise ImageError("OpenCV does not know its format")
        return np.ascontiguousarray(image[..., ::-1])

    def size(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Return rows and columns."""
        return image.shape[0], image.shape[1]

    def resized(
        self,
        image: NDArray[np.uint8],
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        geometry: Geometry,
    ) -> NDArray[Any]:
        """Resize by ``cv2.resize``, which antialiases only with ``area``."""
        import numpy as np

        if geometry.interpolation not in self._methods:
            raise UsageError(f"OpenCV does not resize by {geometry.interpolation}")
        if geometry.antialias and geometry.interpolation != "area":
            raise UsageError(
                f"OpenCV does not antialias {geometry.interpolation}; take antialias = false, "
                "interpolation = area or another library"
            )
        if box is not None:
            top, left, rows, columns = box
            image = image[top : top + rows, left : left + columns]
        pixels: NDArray[Any] = image if geometry.rounded else image.astype(np.float32)
        if pixels.shape[:2] == size:
            return pixels
        return np.asarray(
            self._cv2.resize(
                pixels, (size[1], size[0]), interpolation=self._methods[geometry.interpolation]
            )
        )


def _ignore_orientation(cv2: ModuleType) -> int:
    return int(cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
