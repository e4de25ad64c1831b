"""Default values for fields that a zoo does not publish."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoodiff.preprocessing.spec import Preprocessing

CROP = 0.875
"""224 of 256 pixels: the usual share of the short side that a central crop keeps."""

SMALL = 64
"""Pixels of an input up to which the whole image is taken: CIFAR's and the like."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet in [0, 1], as PyTorch's zoos use them."""


def completed(
    published: Preprocessing, input_size: tuple[int, int]
) -> tuple[Preprocessing, tuple[str, ...]]:
    """A preprocessing without open fields, and the names of those that were filled in.

    The usual evaluation of ImageNet is taken: the short side to 256 for 224, bilinear by Pillow,
    a central crop; channels in the order RGB, mean and std of ImageNet in [0, 1] where nothing at
    all is said of numbers. For inputs of up to 64 pixels it is the whole image, since data sets of
    small images are fed as they are.
    """
    found = published
    if found.input_size is None:
        found = replace(found, input_size=input_size)
    defaults = _size(found) | _numbers(found)
    return replace(found, **defaults), tuple(defaults)


def _size(found: Preprocessing) -> dict[str, Any]:
    """Return the default crop and resizing, if not published."""
    assert found.input_size is not None
    defaults: dict[str, Any] = {}
    short = round(min(found.input_size) / (found.crop_fraction or CROP))
    if found.resize_policy is None:
        if isinstance(found.resize, int):
            defaults["resize_policy"] = "short_side"
        elif found.resize is not None:
            defaults["resize_policy"] = "squash"
        elif found.crop_fraction is None and max(found.input_size) <= SMALL:
            defaults |= {"resize_policy": "squash", "resize": found.input_size}
        else:
            defaults |= {"resize_policy": "short_side", "resize": short}
    elif found.resize_policy == "short_side" and found.resize is None:
        defaults["resize"] = short
    if found.library is None:
        defaults["library"] = "pillow"
    if found.interpolation is None:
        defaults["interpolation"] = "bilinear"
    return defaults


def _numbers(found: Preprocessing) -> dict[str, Any]:
    """Channels and their values, where they are open."""
    defaults: dict[str, Any] = {}
    if found.channel_order is None:
        defaults["channel_order"] = "RGB"
    if found.value_range is None:
        if found.mean is None and not found.inside_network:
            defaults |= {"value_range": (0.0, 1.0), "mean": MEAN, "std": STD}
        else:
            defaults["value_range"] = (0.0, 255.0)
    return defaults
