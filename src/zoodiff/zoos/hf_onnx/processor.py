"""``preprocessor_config.json`` of transformers' image processors, read as a specification.

The classes of processors use the same keys in different ways; those of classifiers are known here.
A key that changes pixels and is not understood leaves the specification partial, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from zoodiff.preprocessing.spec import Interpolation, Preprocessing, Triple

FILE = "preprocessor_config.json"
_RESAMPLE: Mapping[int, Interpolation] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
}
"""Pillow's numbers; 5, Hamming, is no interpolation of a specification."""
_WHOLE = 384
"""From this size on, the processor of ConvNeXt resizes the whole image and crop nothing."""
_LEVIT = 256 / 224
_SHORT_SIDE = ("CLIP", "Bit", "MobileNet", "MobileViT", "Levit", "ConvNext", "PoolFormer")
"""Processors for which a size of one number is that of the short side; others make a square."""
_IGNORED = frozenset({"do_resize", "do_center_crop", "do_rescale", "do_normalize"})
_HARMLESS = frozenset({"do_convert_rgb", "do_reduce_labels"})
"""Switches that change no pixel of an RGB image."""


@dataclass
class _Reading:
    """The fields so far, and the keys that were not understood."""

    fields: dict[str, Any] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)


def specification(raw: Mapping[str, Any], image_size: tuple[int, int] | None) -> Preprocessing:
    """Return the preprocessing that a processor's configuration describes.

    ``image_size`` is the network's, from ``config.json``, for processors that state none.

    >>> specification({"image_processor_type": "ViTImageProcessor", "size": {"height": 224,
    ...     "width": 224}, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, None
    ...     ).sentence()
    'resize 224x224 (squash, bilinear), crop 224x224, RGB, [0, 1], mean 0.5 0.5 0.5, std 0.5 0.5 0.5'
    """  # noqa: E501 - the line is what a reader sees
    kind = str(raw.get("image_processor_type") or raw.get("feature_extractor_type") or "")
    reading = _Reading()
    _geometry(raw, kind, image_size, reading)
    _interpolation(raw, reading)
    _numbers(raw, kind, reading)
    for key, value in raw.items():
        if key.startswith("do_") and value and key not in _IGNORED | _HARMLESS:
            if key == "do_flip_channel_order":
                reading.fields["channel_order"] = "BGR"
            else:
                reading.unclear.append(key)
    fast = kind.endswith("Fast")
    fields = {
        "channel_order": "RGB",
        "library": "torchvision" if fast else "pillow",
        "antialias": True,
        "layout": "NCHW",
    } | reading.fields
    unclear = ", ".join(dict.fromkeys(reading.unclear))
    return Preprocessing(
        **fields,
        published="partial" if unclear else "yes",
        source=FILE + (f" (not understood: {unclear})" if unclear else ""),
    )


def _geometry(
    raw: Mapping[str, Any], kind: str, image_size: tuple[int, int] | None, reading: _Reading
) -> None:
    """Read resizing and cropping."""
    if not raw.get("do_resize", True):
        crop = _extents(raw.get("crop_size")) if raw.get("do_center_crop") else None
        reading.unclear.append("do_resize = false")
        _put(reading, input_size=crop or image_size)
        return
    size = raw.get("size")
    short = _short(size)
    if short is not None and kind.startswith("ConvNext"):
        _of_convnext(short, raw.get("crop_pct"), reading)
        return
    if short is not None and kind.startswith("Levit"):
        short = int(_LEVIT * short)
    if raw.get("crop_pct") is not None:
        share = raw["crop_pct"]
        if short is None or not kind.startswith("PoolFormer") or not _is_share(share):
            reading.unclear.append("crop_pct")
        else:
            short = int(short / share)
    whole = _extents(size)
    if whole is None and short is None:
        reading.unclear.append("size")
    wanted = raw.get("do_center_crop", "crop_size" in raw)
    crop = _extents(raw.get("crop_size")) if wanted else None
    if wanted and crop is None:
        reading.unclear.append("crop_size")
    square = not isinstance(size, int) or not kind.startswith(_SHORT_SIDE)
    if whole is not None and square:
        _put(reading, resize=whole, resize_policy="squash", input_size=crop or whole)
    elif short is not None:
        _put(reading, resize=short, resize_policy="short_side", input_size=crop or image_size)
        if crop is None:
            reading.unclear.append("size without a crop")


def _of_convnext(short: int, share: object, reading: _Reading) -> None:
    """Read the processor that resizes to a part more than it crops, or squashes large inputs."""
    size = (short, short)
    if short >= _WHOLE:
        _put(reading, resize=size, resize_policy="squash", input_size=size)
        return
    part = 224 / 256 if share is None else share
    if not _is_share(part):
        reading.unclear.append("crop_pct")
        return
    _put(reading, resize=int(short / part), resize_policy="short_side", input_size=size)


def _interpolation(raw: Mapping[str, Any], reading: _Reading) -> None:
    number = raw.get("resample")
    if number is None:
        reading.unclear.append("no resample")
    elif isinstance(number, int) and number in _RESAMPLE:
        _put(reading, interpolation=_RESAMPLE[number])
    else:
        reading.unclear.append(f"resample = {str(number)[:20]}")


def _numbers(raw: Mapping[str, Any], kind: str, reading: _Reading) -> None:
    """Read the range of values, mean and standard deviation."""
    top = 255.0
    if raw.get("do_rescale", True):
        factor = raw.get("rescale_factor", 1 / 255)
        if not isinstance(factor, int | float) or not 0 < factor <= 1:
            reading.unclear.append("rescale_factor")
            return
        top = round(255 * float(factor), 6)
    low = 0.0
    if raw.get("do_rescale", True) and raw.get("rescale_offset"):
        low, top = -1.0, round(top - 1, 6)
    _put(reading, value_range=(low, top))
    mean, std = _triple(raw.get("image_mean")), _triple(raw.get("image_std"))
    if not raw.get("do_normalize", mean is not None):
        _put(reading, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
        return
    if mean is None or std is None or 0 in std:
        reading.unclear.append("image_mean, image_std")
        return
    if kind.startswith("EfficientNet") and raw.get("include_top"):
        reading.unclear.append("include_top, which divides by the deviation twice")
    _put(reading, mean=mean, std=std)


def _put(reading: _Reading, **fields: Any) -> None:
    reading.fields.update({key: value for key, value in fields.items() if value is not None})


def _short(size: object) -> int | None:
    """Return the length of the short side in a ``size``, also in the older form of one number."""
    value = size.get("shortest_edge") if isinstance(size, Mapping) else size
    return value if _is_extent(value) else None


def _extents(size: object) -> tuple[int, int] | None:
    """Return height and width in a ``size`` or ``crop_size``; one number means a square."""
    rows: object = size
    columns: object = size
    if isinstance(size, Mapping):
        rows, columns = size.get("height"), size.get("width")
    elif isinstance(size, Sequence) and not isinstance(size, str) and len(size) == 2:
        rows, columns = size
    return (rows, columns) if _is_extent(rows) and _is_extent(columns) else None


def _is_share(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.01 <= value <= 1


def _is_extent(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16_384


def _triple(value: object) -> Triple | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        return None
    if not all(isinstance(number, int | float) and abs(number) < 1e6 for number in value):
        return None
    return float(value[0]), float(value[1]), float(value[2])
