"""Awkward images, drawn when they are needed: every kind of file and size that has made trouble.

Grey, CMYK, palettes, alpha, one bit, turned by EXIF, progressive and subsampled JPEG, huge, very
wide, very high, smaller than a network's input, and one pixel.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


def scene(rows: int, columns: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Return gradients, edges and noise, (rows, columns, channels)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    pixels = np.empty((rows, columns, channels))
    for channel in range(channels):
        a, b = rng.uniform(0.01, 0.3, 2)
        pixels[..., channel] = 127 + 80 * np.sin(a * x + channel) * np.cos(b * y)
        pixels[..., channel] += 40 * ((x // 7 + y // 11) % 2)
    return np.clip(pixels + rng.normal(0, 9, pixels.shape), 0, 255).astype(np.uint8)


def _bytes(image: Image.Image, kind: str, **more: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


@cache
def awkward() -> dict[str, bytes]:
    """Return the content of the images by name; the encoders are those of the installed Pillow."""
    from PIL import Image

    colour = Image.fromarray(scene(375, 500))
    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        "grey.jpg": _bytes(colour.convert("L"), "JPEG"),
        "grey.png": _bytes(colour.convert("L"), "PNG"),
        "cmyk.jpg": _bytes(Image.fromarray(scene(260, 300, 4), "CMYK"), "JPEG"),
        "palette.png": _bytes(colour.quantize(64), "PNG"),
        "palette.gif": _bytes(colour.quantize(64), "GIF"),
        "alpha.png": _bytes(Image.fromarray(scene(310, 290, 4), "RGBA"), "PNG"),
        "grey_alpha.png": _bytes(Image.fromarray(scene(310, 290, 2), "LA"), "PNG"),
        "bits.png": _bytes(colour.convert("1"), "PNG"),
        "rotated.jpg": _bytes(colour, "JPEG", exif=exif),
        "progressive.jpg": _bytes(colour, "JPEG", progressive=True, quality=60),
        "subsampled.jpg": _bytes(colour, "JPEG", subsampling=2, quality=40),
        "full.jpg": _bytes(colour, "JPEG", subsampling=0, quality=98),
        "bitmap.bmp": _bytes(colour, "BMP"),
        "photo.webp": _bytes(colour, "WEBP"),
        "huge.jpg": _bytes(Image.fromarray(scene(3000, 4100)), "JPEG"),
        "panorama.jpg": _bytes(Image.fromarray(scene(231, 3111)), "JPEG"),
        "tower.jpg": _bytes(Image.fromarray(scene(2903, 187)), "JPEG"),
    }
    sizes = [(1, 1), (1, 9), (7, 3), (30, 31), (100, 99), (223, 225), (224, 224), (256, 256)]
    sizes += [(255, 257), (341, 257), (500, 333), (640, 427), (479, 640), (768, 1024)]
    for seed, (rows, columns) in enumerate(sizes):
        image = Image.fromarray(scene(rows, columns, seed=seed))
        images[f"{rows}x{columns}.png"] = _bytes(image, "PNG")
        images[f"{rows}x{columns}.jpg"] = _bytes(image, "JPEG", quality=90 - 3 * seed)
    return images
