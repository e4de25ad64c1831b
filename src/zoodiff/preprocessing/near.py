"""Recipes that are nearly the same: what tells them apart, and the near variants of a recipe.

Pixels "less 127, by 128" are [-1, 1] within half a percent of the range, and the middle 0.875 of
the short side is, within a pixel, what resizing it to 256 and cropping 224 leaves. Such recipes are
reported as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoodiff.preprocessing.conventions import NORMALISATIONS, Factor, differing, words
from zoodiff.preprocessing.effective import outside
from zoodiff.preprocessing.geometry import geometry_of, steps
from zoodiff.preprocessing.spec import Preprocessing

NEAR = 0.01
"""Largest deviation of near recipes: of inputs as a share of their range, of crops as a share of
a side."""
_SQUARE = (500, 500)
_SHAPES = (_SQUARE, (375, 500), (500, 375), (333, 500), (1200, 1600))
"""Rows and columns of photographs on which crops are compared."""
_ROUNDED: Mapping[str, Mapping[str, Any]] = {
    "[0, 255] less ImageNet's mean, by its std": {
        "value_range": (0.0, 255.0),
        "mean": (123.68, 116.779, 103.939),
        "std": (58.393, 57.12, 57.375),
    },
}
"""Conventions that only round another one's numbers in another way."""


def near(left: Preprocessing, right: Preprocessing, factor: Factor) -> str | None:
    """Return what tells two nearly equal values of a factor apart; None if they are not near.

    Equal values are not near: nothing tells them apart.
    """
    if factor not in differing(left, right):
        return None
    if factor == "normalisation":
        return _near_numbers(left, right)
    return _near_crops(left, right) if factor == "crop" else None


def near_variants(spec: Preprocessing) -> list[tuple[Factor, Preprocessing]]:
    """Return the conventions that are near a complete specification, each with its factor."""
    candidates: list[tuple[Factor, Preprocessing]] = []
    for values in (*NORMALISATIONS.values(), *_ROUNDED.values()):
        changed = dict(values)
        if spec.channel_order == "BGR":
            for key in ("mean", "std"):
                changed[key] = changed[key][::-1] if changed[key] else None
        candidates.append(("normalisation", replace(spec, **changed)))
    size = spec.input_size
    if size is not None and spec.resize_policy == "short_side" and isinstance(spec.resize, int):
        share = min(size) / spec.resize
        for policy in ("central_square", "central_fraction_then_squash"):
            if share <= 1:
                fields: dict[str, Any] = {"resize_policy": policy, "crop_fraction": share}
                candidates.append(("crop", replace(spec, resize=None, **fields)))
    elif size is not None and spec.resize_policy == "central_square" and spec.crop_fraction:
        short = round(min(size) / spec.crop_fraction)
        fields = {"resize_policy": "short_side", "resize": short, "crop_fraction": None}
        candidates.append(("crop", replace(spec, **fields)))
    return [pair for pair in candidates if near(spec, pair[1], pair[0]) is not None]


def near_words(left: Preprocessing, right: Preprocessing, factor: Factor) -> str:
    """Return two near values of a factor in words.

    >>> first = Preprocessing(value_range=(-1, 1))
    >>> second = Preprocessing(value_range=(0, 255), mean=(127,) * 3, std=(128,) * 3)
    >>> near_words(first, second, "normalisation")
    'normalisation [-1, 1] and [0, 255], mean 127 127 127, std 128 128 128'
    """
    return f"{factor} {words(left, factor)} and {words(right, factor)}"


def _near_numbers(left: Preprocessing, right: Preprocessing) -> str | None:
    if left.channel_order != right.channel_order:
        return None
    first, second = outside(left), outside(right)
    span = max(first.span, second.span)
    deviation = max(
        abs(255 * share * (a - c) + b - d)
        for a, b, c, d in zip(first.scale, first.offset, second.scale, second.offset, strict=True)
        for share in (0.0, 1.0)
    )
    if span == 0 or deviation > NEAR * span:
        return None
    return f"inputs differ by up to {100 * deviation / span:.2g} % of their range"


def _near_crops(left: Preprocessing, right: Preprocessing) -> str | None:
    if left.input_size != right.input_size or left.input_size is None:
        return None
    deviations = {shape: _deviation(left, right, shape) for shape in _SHAPES}
    if max(deviations.values()) <= NEAR:
        return f"crops differ by up to {100 * max(deviations.values()):.2g} % of a side"
    if deviations[_SQUARE] > NEAR:
        return None
    return "crops of square images are the same, those of others are not"


def _deviation(left: Preprocessing, right: Preprocessing, shape: tuple[int, int]) -> float:
    """Return the largest distance of the edges of two crops, as a share of the image's side."""
    first, second = _box(left, shape), _box(right, shape)
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _box(spec: Preprocessing, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the part of an image that the network sees: top, left, bottom, right as shares."""
    done = steps(geometry_of(spec), *shape)
    top, left, rows, columns = done.before or (0, 0, *shape)
    if done.after is None:
        return (
            top / shape[0],
            left / shape[1],
            (top + rows) / shape[0],
            (left + columns) / shape[1],
        )
    after_top, after_left, after_rows, after_columns = done.after
    return (
        after_top / done.size[0],
        after_left / done.size[1],
        (after_top + after_rows) / done.size[0],
        (after_left + after_columns) / done.size[1],
    )
