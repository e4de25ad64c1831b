"""Decoding and resizing by Pillow, as torchvision's ``ImageFolder`` and Keras's ``load_img`` do."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from zoodiff.errors import ImageError, UsageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.rules.security import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "ICO", "JPEG2000")


class Pillow:
    """See ``zoodiff.preprocessing.pixels.Decoder``."""

    def __init__(self) -> None:
        from PIL import Image

        self._image = Image
        resampling = Image.Resampling
        self._filters = {
            "nearest": resampling.NEAREST,
            "bilinear": resampling.BILINEAR,
            "bicubic": resampling.BICUBIC,
            "lanczos": resampling.LANCZOS,
            "box": resampling.BOX,
            "area": resampling.BOX,
        }

    def decode(self, data: bytes, *, exif: bool) -> Image.Image:
        """Return an image of mode RGB."""
        import warnings

        from PIL import ImageOps, UnidentifiedImageError

        if not data:
            raise ImageError("it is empty")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image: Image.Image = self._image.open(io.BytesIO(data), formats=_FORMATS)
                if exif:
                    image = ImageOps.exif_transpose(image)
                return image.convert("RGB")
        except self._image.DecompressionBombError as error:
            raise ImageError(
                str(refusal("SEC121", f"it is refused by its size ({error})"))
            ) from None
        except UnidentifiedImageError:
            raise ImageError("it is no image of a supported format") from None
        except Exception as error:  # Pillow's plugins raise many kinds
            raise ImageError(" ".join(str(error).split()) or repr(error)) from None

    def size(self, image: Image.Image) -> tuple[int, int]:
        """Return rows and columns."""
        return image.height, image.width

    def resized(
        self,
        image: Image.Image,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        geometry: Geometry,
    ) -> NDArray[Any]:
        """Resize in 8 bits; Pillow's filters always antialias."""
        import numpy as np

        if geometry.interpolation != "nearest" and not geometry.antialias:
            raise UsageError(
                "Pillow cannot resize without antialiasing; take antialias = true or another "
                "library"
            )
        if box is not None:
            top, left, rows, columns = box
            image = image.crop((left, top, left + columns, top + rows))
        if (image.height, image.width) != size:
            image = image.resize((size[1], size[0]), self._filters[geometry.interpolation])
        return np.asarray(image)
