"""The usual ways of preparing images, as changes of a specification.

Each convention replaces the fields of one *factor*; a difference is named by its factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from zoodiff.preprocessing.completed import CROP, MEAN, STD
from zoodiff.preprocessing.effective import outside
from zoodiff.preprocessing.spec import Preprocessing

Factor = Literal["normalisation", "channel order", "crop", "interpolation", "library", "input size"]

FIELDS: Mapping[Factor, tuple[str, ...]] = {
    "normalisation": ("value_range", "mean", "std"),
    "channel order": ("channel_order",),
    "crop": ("resize_policy", "resize", "crop_fraction", "crop_rounding"),
    "interpolation": ("interpolation", "antialias"),
    "library": ("library", "exif", "rounded"),
    "input size": ("input_size",),
}
"""The fields of a specification that each factor replaces."""

NORMALISATIONS: Mapping[str, Mapping[str, Any]] = {
    "[0, 1] with ImageNet's mean and std": {"value_range": (0.0, 1.0), "mean": MEAN, "std": STD},
    "[-1, 1]": {"value_range": (-1.0, 1.0), "mean": None, "std": None},
    "[0, 1]": {"value_range": (0.0, 1.0), "mean": None, "std": None},
    "[0, 255]": {"value_range": (0.0, 255.0), "mean": None, "std": None},
    "[0, 255] less ImageNet's mean": {
        "value_range": (0.0, 255.0),
        "mean": (123.68, 116.779, 103.939),
        "std": None,
    },
    "[0, 255] less 127, by 128": {
        "value_range": (0.0, 255.0),
        "mean": (127.0, 127.0, 127.0),
        "std": (128.0, 128.0, 128.0),
    },
}
"""Value range, mean and std of each convention; mean and std in the order RGB."""


def alternatives(spec: Preprocessing) -> dict[tuple[Factor, str], Preprocessing]:
    """Return the specification with one factor changed to each other convention.

    Keys are the factor and the convention in words.
    """
    variants: dict[tuple[Factor, str], Preprocessing] = {}
    bgr, grey = spec.channel_order == "BGR", spec.channel_order == "grey"
    for words, values in NORMALISATIONS.items():
        changed = dict(values)
        if grey and len({*(values["mean"] or (0.0,))}) > 1:
            continue  # its mean differs between three channels
        if bgr:  # numbers follow the order of the network's channels
            for key in ("mean", "std"):
                changed[key] = changed[key][::-1] if changed[key] else None
        variants["normalisation", words] = replace(spec, **changed)
    if not grey:
        swapped = replace(spec, channel_order="RGB" if bgr else "BGR")
        variants["channel order", str(swapped.channel_order)] = swapped
    if spec.input_size is not None:
        short = round(min(spec.input_size) / CROP)
        variants["crop", f"short side to {short}, central crop"] = replace(
            spec, resize_policy="short_side", resize=short, crop_fraction=None
        )
        variants["crop", "squashed to the input size"] = replace(
            spec, resize_policy="squash", resize=spec.input_size, crop_fraction=None
        )
    for interpolation in ("bilinear", "bicubic", "nearest"):
        variants["interpolation", interpolation] = replace(spec, interpolation=interpolation)
    return {key: value for key, value in variants.items() if not same(value, spec)}


def same(left: Preprocessing, right: Preprocessing) -> bool:
    """Return whether two specifications give the same pixels and numbers."""
    return not differing(left, right)


def differing(left: Preprocessing, right: Preprocessing) -> dict[Factor, tuple[str, str]]:
    """Return the factors in which two specifications differ, with both values in words."""
    left_fields, right_fields = _meaning(left), _meaning(right)
    return {
        factor: (words(left, factor), words(right, factor))
        for factor, fields in FIELDS.items()
        if any(left_fields[field] != right_fields[field] for field in fields)
        and not (factor == "normalisation" and _equal_numbers(left, right))
    }


def _equal_numbers(left: Preprocessing, right: Preprocessing) -> bool:
    """Return whether two specifications turn pixels into the same numbers, up to rounding.

    A range of [0, 1] with a mean and std of 0.5 is a range of [-1, 1].
    """
    first, second = outside(left), outside(right)
    tolerance = 1e-6 * max(first.span, second.span)
    return all(
        abs(255 * (a - c)) <= tolerance and abs(b - d) <= tolerance
        for a, b, c, d in zip(first.scale, first.offset, second.scale, second.offset, strict=True)
    )


def with_factor(spec: Preprocessing, source: Preprocessing, factor: Factor) -> Preprocessing:
    """Return the specification with one factor copied from ``source``."""
    return replace(spec, **{field: getattr(source, field) for field in FIELDS[factor]})


def words(spec: Preprocessing, factor: Factor) -> str:
    """Return the value of a factor in a few words.

    >>> words(Preprocessing(value_range=(-1, 1)), "normalisation")
    '[-1, 1]'
    """
    if factor == "normalisation":
        low, high = spec.value_range or (0.0, 255.0)
        parts = [f"[{low:g}, {high:g}]"]
        if spec.mean is not None:
            parts.append("mean " + " ".join(f"{v:g}" for v in spec.mean))
        if spec.std is not None:
            parts.append("std " + " ".join(f"{v:g}" for v in spec.std))
        return ", ".join(parts)
    if factor == "crop":
        return _crop(spec)
    if factor == "interpolation":
        antialias = {True: ", antialiased", False: ", not antialiased", None: ""}[spec.antialias]
        return f"{spec.interpolation}{antialias}"
    if factor == "input size":
        return "x".join(map(str, spec.input_size or ()))
    value = spec.channel_order if factor == "channel order" else spec.library
    return str(value)


def _crop(spec: Preprocessing) -> str:
    rounding = (spec.crop_rounding or "even").replace("_", " ")
    return _cut(spec) + ("" if rounding == "even" else f", its margin rounded {rounding}")


def _cut(spec: Preprocessing) -> str:
    if spec.resize_policy == "short_side":
        return f"short side to {spec.resize}, central crop"
    if spec.resize_policy == "squash":
        size = spec.resize if isinstance(spec.resize, tuple) else spec.input_size
        if size is None or size == spec.input_size:
            return "squashed to the input size"
        return f"squashed to {size[0]}x{size[1]}, central crop"
    share = f"{spec.crop_fraction:g}" if spec.crop_fraction else "all"
    shape = "square of the short side" if spec.resize_policy == "central_square" else "image"
    return f"central {share} of the {shape}"


def _meaning(spec: Preprocessing) -> dict[str, Any]:
    """Return the fields with their defaults."""
    values = {field: getattr(spec, field) for fields in FIELDS.values() for field in fields}
    values["channel_order"] = values["channel_order"] or "RGB"
    values["value_range"] = tuple(map(float, values["value_range"] or (0.0, 255.0)))
    for field, default in (("mean", (0.0,) * 3), ("std", (1.0,) * 3)):
        values[field] = tuple(values[field]) if values[field] else default
    if spec.resize_policy == "squash" and not isinstance(values["resize"], tuple):
        values["resize"] = spec.input_size
    if spec.resize_policy in ("squash", "short_side"):
        values["crop_fraction"] = None  # the sizes say what is kept
    elif spec.resize_policy is not None:
        values["resize"] = None
    if values["crop_rounding"] == "even" or values["resize"] == spec.input_size:
        values["crop_rounding"] = None
    if values["antialias"] is None and spec.library:
        values["antialias"] = spec.library in ("pillow", "torchvision", "torchvision_v2")
    if values["rounded"] is None:
        values["rounded"] = spec.library != "tensorflow"
    values["exif"] = (
        bool(values["exif"]) if spec.library != "opencv" else values["exif"] is not False
    )
    return values
