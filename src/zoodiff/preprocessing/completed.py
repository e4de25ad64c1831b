"""Default values for fields that a zoo does not publish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoodiff.preprocessing.spec import Preprocessing

CROP = 0.875
"""Default share of the short side that a central crop keeps: 224 of 256 pixels."""

SMALL = 64
"""Largest input size, in pixels, at which the whole image is used by default, as for CIFAR."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's pixels in [0, 1], as PyTorch's zoos use them."""


def completed(
    published: Preprocessing, input_size: tuple[int, int]
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return the preprocessing with all fields filled in, and the names of the defaulted fields.

    ``input_size`` is (height, width) of the network's input, used if none is published. The
    defaults are the usual evaluation on ImageNet: resize the short side to 256 pixels for an input
    of 224, bilinear, with Pillow; crop the centre; order the channels as RGB; and, if the zoo
    publishes no value range, mean or std, use those of ImageNet in [0, 1]. Inputs of up to 64
    pixels default to the whole image, since data sets of small images are used without a crop.
    """
    spec = published
    if spec.input_size is None:
        spec = replace(spec, input_size=input_size)
    defaults = _size(spec) | _numbers(spec)
    return replace(spec, **defaults), tuple(defaults)


def _size(spec: Preprocessing) -> dict[str, Any]:
    """Return the defaults of unpublished fields that say how to crop and resize."""
    assert spec.input_size is not None
    defaults: dict[str, Any] = {}
    short = round(min(spec.input_size) / (spec.crop_fraction or CROP))
    if spec.resize_policy is None:
        if isinstance(spec.resize, int):
            defaults["resize_policy"] = "short_side"
        elif spec.resize is not None:
            defaults["resize_policy"] = "squash"
        elif spec.crop_fraction is None and max(spec.input_size) <= SMALL:
            defaults |= {"resize_policy": "squash", "resize": spec.input_size}
        else:
            defaults |= {"resize_policy": "short_side", "resize": short}
    elif spec.resize_policy == "short_side" and spec.resize is None:
        defaults["resize"] = short
    if spec.library is None:
        defaults["library"] = "pillow"
    if spec.interpolation is None:
        defaults["interpolation"] = "bilinear"
    return defaults


def _numbers(spec: Preprocessing) -> dict[str, Any]:
    """Return the defaults of unpublished fields that say how to order and scale channels."""
    defaults: dict[str, Any] = {}
    if spec.channel_order is None:
        defaults["channel_order"] = "RGB"
    if spec.value_range is None:
        if spec.mean is None and not spec.inside_network:
            defaults |= {"value_range": (0.0, 1.0), "mean": MEAN, "std": STD}
        else:
            defaults["value_range"] = (0.0, 255.0)
    return defaults
