"""The geometry of a preprocessing: how an image is decoded, resized and cropped.

The arithmetic on pixel values comes after it. Entries with equal geometries see the same pixels, so
each image is decoded and resized once for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import (
    CropRounding,
    Interpolation,
    Library,
    Policy,
    Preprocessing,
)


@dataclass(frozen=True)
class Geometry:
    """How images are decoded, cropped and resized; every field has a value."""

    library: Library
    policy: Policy
    size: tuple[int, int]
    """Rows and columns of the network's input."""
    resize: int | tuple[int, int] | None
    crop_fraction: float | None
    interpolation: Interpolation
    antialias: bool
    exif: bool
    """Whether a photograph is turned as its EXIF orientation says."""
    unit: bool
    """Whether values are scaled to [0, 1] before resizing, as TensorFlow's
    ``convert_image_dtype`` does; otherwise they stay in [0, 255]."""
    crop_rounding: CropRounding | None = None
    rounded: bool = True
    """Whether resized pixels are rounded to 8 bits."""

    @property
    def dtype(self) -> str:
        """The data type of the pixels: 8 bits if they are rounded, else float32."""
        return "uint8" if self.rounded else "float32"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Geometry:
        """Read what ``to_dict`` wrote (lists become tuples)."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**values)


@dataclass(frozen=True)
class Steps:
    """A geometry applied to one image size. Boxes are (top, left, rows, columns)."""

    before: tuple[int, int, int, int] | None
    """Box that is cropped before resizing; None for the whole image."""
    size: tuple[int, int]
    """Rows and columns after resizing."""
    after: tuple[int, int, int, int] | None
    """Box that is cropped after resizing; None for all of it. Outside the image, pixels are 0."""


def geometry_of(spec: Preprocessing) -> Geometry:
    """Return the geometry of a complete specification; raise UsageError if a field is missing."""
    required = {
        "library": spec.library,
        "input_size": spec.input_size,
        "resize_policy": spec.resize_policy,
        "interpolation": spec.interpolation,
    }
    missing = [name for name, value in required.items() if value is None]
    if missing:
        raise UsageError(
            f"the preprocessing does not state {', '.join(missing)}; state it, or use the default "
            "values"
        )
    assert spec.library and spec.input_size and spec.resize_policy and spec.interpolation
    if spec.resize_policy == "short_side" and not isinstance(spec.resize, int):
        raise UsageError("resizing by the short side takes one length in resize, in pixels")
    if spec.resize_policy.startswith("central") and not spec.crop_fraction:
        raise UsageError(f"resize_policy = {spec.resize_policy} takes a crop_fraction")
    rounded = DEFAULT_ROUNDED[spec.library] if spec.rounded is None else spec.rounded
    if spec.library == "pillow" and not rounded:
        raise UsageError(
            "Pillow rounds resized pixels to 8 bits; take rounded = true or another library"
        )
    return Geometry(
        library=spec.library,
        policy=spec.resize_policy,
        size=spec.input_size,
        resize=spec.resize,
        crop_fraction=spec.crop_fraction,
        interpolation=spec.interpolation,
        antialias=DEFAULT_ANTIALIAS[spec.library] if spec.antialias is None else spec.antialias,
        exif=DEFAULT_EXIF[spec.library] if spec.exif is None else spec.exif,
        crop_rounding=spec.crop_rounding,
        unit=spec.library == "tensorflow" and spec.value_range != (0.0, 255.0) and not rounded,
        rounded=rounded,
    )


DEFAULT_ANTIALIAS: dict[Library, bool] = {
    "pillow": True,
    "torchvision": True,
    "torchvision_v2": True,
    "tensorflow": False,
    "opencv": False,
}
DEFAULT_EXIF: dict[Library, bool] = {
    "pillow": False,
    "torchvision": False,
    "torchvision_v2": False,
    "tensorflow": False,
    "opencv": True,
}
DEFAULT_ROUNDED: dict[Library, bool] = {
    "pillow": True,
    "torchvision": True,
    "torchvision_v2": True,
    "tensorflow": False,
    "opencv": True,
}
"""What each library does if ``exif``, ``antialias`` or ``rounded`` is not set."""


def steps(geometry: Geometry, rows: int, columns: int) -> Steps:
    """Return the crops and the size for an image of ``rows`` x ``columns`` pixels.

    Sizes are rounded as in the libraries' own code: torchvision's ``functional.resize`` and
    ``center_crop`` (which timm uses too); for TensorFlow slim's ``vgg_preprocessing``,
    ``tf.image.central_crop`` and Model Garden's ``center_crop_image``.
    """
    if geometry.policy == "squash":
        target = geometry.resize if isinstance(geometry.resize, tuple) else geometry.size
        return Steps(None, target, _centre(target, geometry.size, geometry.crop_rounding))
    if geometry.policy == "short_side":
        assert isinstance(geometry.resize, int)
        if geometry.library == "tensorflow":
            target = _float32_short_side(geometry.resize, rows, columns)
            top, left = (target[0] - geometry.size[0]) // 2, (target[1] - geometry.size[1]) // 2
            return Steps(None, target, (top, left, *geometry.size))
        target = _short_side(geometry.resize, rows, columns)
        return Steps(None, target, _centre(target, geometry.size, geometry.crop_rounding))
    assert geometry.crop_fraction is not None
    if geometry.policy == "central_square":
        square = _central_square(geometry.crop_fraction, rows, columns, geometry.crop_rounding)
        return Steps(square, geometry.size, None)
    return Steps(_central(geometry.crop_fraction, rows, columns), geometry.size, None)


def _short_side(length: int, rows: int, columns: int) -> tuple[int, int]:
    if columns <= rows:
        return int(length * rows / columns), length
    return length, int(length * columns / rows)


def _float32_short_side(length: int, rows: int, columns: int) -> tuple[int, int]:
    import numpy as np

    scale = np.float32(length) / np.float32(min(rows, columns))
    return int(np.float32(rows) * scale), int(np.float32(columns) * scale)


def _centre(
    size: tuple[int, int], crop: tuple[int, int], rounding: CropRounding | None
) -> tuple[int, int, int, int] | None:
    """Return the box of a central crop; None if nothing is cut."""
    if size == crop:
        return None
    return _margin(size[0], crop[0], rounding), _margin(size[1], crop[1], rounding), *crop


def _margin(extent: int, part: int, rounding: CropRounding | None) -> int:
    """Return where a centred part begins; negative where it is larger than the extent.

    torchvision rounds to even inside an image, and towards zero where it pads.
    """
    if rounding == "down":
        return (extent - part) // 2
    if part > extent:
        return -((part - extent) // 2)
    return (extent - part) // 2 if rounding == "towards_zero" else round((extent - part) / 2)


def _central(fraction: float, rows: int, columns: int) -> tuple[int, int, int, int]:
    top, left = (int((extent - extent * fraction) / 2) for extent in (rows, columns))
    return top, left, rows - 2 * top, columns - 2 * left


def _central_square(
    fraction: float, rows: int, columns: int, rounding: CropRounding | None
) -> tuple[int, int, int, int]:
    """Return the box of a central square; slim's, in float32, unless a rounding is stated."""
    import numpy as np

    if rounding is not None:
        extent = max(1, int(fraction * min(rows, columns)))
        top, left = _margin(rows, extent, rounding), _margin(columns, extent, rounding)
        return top, left, extent, extent
    side = np.float32(fraction) * np.float32(min(rows, columns))
    top, left = (int((np.float32(extent) - side) / np.float32(2)) for extent in (rows, columns))
    extent = max(1, math.floor(side))
    return top, left, extent, extent
