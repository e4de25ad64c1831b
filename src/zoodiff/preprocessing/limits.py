"""Checks that refuse images that are too large or cut off, before a library decodes them."""

from __future__ import annotations

from zoodiff.errors import ImageError

LARGEST = 178_956_970
"""Most pixels of an image that is decoded: Pillow's own limit, twice the size it warns at."""
_PNG = b"\x89PNG\r\n\x1a\n"


def check_size(data: bytes) -> None:
    """Raise ImageError for an image whose header declares too large a size.

    Decoders without a limit of their own call it first. Formats that Pillow cannot read pass.
    """
    import io
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                too_large = image.width * image.height > LARGEST
        except Image.DecompressionBombError:
            too_large = True
        except Exception:  # Pillow's plugins raise many kinds
            if data.startswith(_PNG):
                # OpenCV allocates a gigabyte for some damaged PNG files before it gives up.
                raise ImageError("its header is damaged") from None
            too_large = False
    if too_large:
        raise ImageError("it is too large")


def check_whole(data: bytes) -> None:
    """Raise ImageError for a JPEG file without its end, which some libraries fill with grey."""
    if not data:
        raise ImageError("it is empty")
    if data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-4096:]:
        raise ImageError("it is a JPEG file without its end")
