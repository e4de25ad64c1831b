"""The steps of a recipe: which differ between two recipes, and one exchanged without the others.

A step is finer than a factor of ``preprocessing.conventions``: it is the least that a person would
change. Mean and std are compared per colour, so exchanging the order of the channels takes them
along.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from zoodiff.preprocessing.geometry import (
    DEFAULT_ANTIALIAS,
    DEFAULT_EXIF,
    DEFAULT_ROUNDED,
)
from zoodiff.preprocessing.spec import Preprocessing, Triple
from zoodiff.recipes.window import mixed, window_of, with_window

Step = Literal[
    "orientation",
    "library",
    "antialiasing",
    "interpolation",
    "rounding",
    "input size",
    "aspect ratio",
    "order of resize and crop",
    "crop",
    "crop position",
    "channel order",
    "range",
    "mean",
    "std",
]
STEPS: tuple[Step, ...] = get_args(Step)
CODES: Mapping[Step, str] = {
    "orientation": "PRE111",
    "library": "PRE105",
    "antialiasing": "PRE104",
    "interpolation": "PRE104",
    "rounding": "PRE110",
    "input size": "PRE106",
    "aspect ratio": "PRE103",
    "order of resize and crop": "PRE109",
    "crop": "PRE103",
    "crop position": "PRE103",
    "channel order": "PRE101",
    "range": "PRE102",
    "mean": "PRE102",
    "std": "PRE102",
}
NUMBERS: frozenset[Step] = frozenset(("range", "mean", "std"))
_PLAIN: Mapping[Step, str] = {
    "orientation": "exif",
    "library": "library",
    "antialiasing": "antialias",
    "interpolation": "interpolation",
    "rounding": "rounded",
    "crop position": "crop_rounding",
}
"""The field of each step that is one field."""
_KERNELS: Mapping[str, Collection[str]] = {
    "pillow": ("nearest", "bilinear", "bicubic", "lanczos", "area", "box"),
    "torchvision": ("nearest", "bilinear", "bicubic"),
    "torchvision_v2": ("nearest", "bilinear", "bicubic", "lanczos"),
    "tensorflow": ("nearest", "bilinear", "bicubic", "lanczos", "area", "bilinear_tf1"),
    "opencv": ("nearest", "bilinear", "bicubic", "lanczos", "area"),
}
_NEAREST = "nearest"
_NEVER_ANTIALIASED = (_NEAREST, "bilinear_tf1")
_CLOSE = 1e-6
"""Relative tolerance of numbers that only float arithmetic tells apart."""


@dataclass(frozen=True)
class _Numbers:
    """Range, mean and std per colour, in the order RGB."""

    low: float
    high: float
    mean: Triple
    std: Triple

    def within(self, low: float, high: float) -> _Numbers:
        """Return the same function of a pixel, written with another range."""
        ratio = (high - low) / (self.high - self.low)
        first, second, third = (low + (value - self.low) * ratio for value in self.mean)
        std = tuple(value * ratio for value in self.std)
        return _Numbers(low, high, (first, second, third), (std[0], std[1], std[2]))

    def differing(self, other: _Numbers) -> tuple[Step, ...]:
        """Return the numbers that differ."""
        span = max(abs(self.high - self.low), abs(other.high - other.low))
        steps: list[Step] = []
        if (self.low, self.high) != (other.low, other.high):
            steps.append("range")
        if any(abs(a - b) > _CLOSE * span for a, b in zip(self.mean, other.mean, strict=True)):
            steps.append("mean")
        if any(abs(a - b) > _CLOSE * abs(b) for a, b in zip(self.std, other.std, strict=True)):
            steps.append("std")
        return tuple(steps)


def explicit(spec: Preprocessing) -> Preprocessing:
    """Return a complete specification with every default written out, and without its source."""
    library = spec.library
    assert library is not None and spec.input_size is not None
    never = spec.interpolation in _NEVER_ANTIALIASED
    antialias = DEFAULT_ANTIALIAS[library] if spec.antialias is None else spec.antialias
    if library == "opencv" and spec.interpolation == "area":
        antialias = True
    return with_window(
        replace(
            spec,
            antialias=antialias and not never,
            exif=DEFAULT_EXIF[library] if spec.exif is None else spec.exif,
            rounded=DEFAULT_ROUNDED[library] if spec.rounded is None else spec.rounded,
            crop_rounding=None if spec.crop_rounding == "even" else spec.crop_rounding,
            channel_order=spec.channel_order or "RGB",
            value_range=_floats(spec.value_range or (0.0, 255.0)),
            mean=_triple(spec.mean),
            std=_triple(spec.std),
            layout=None,
            published="no",
            source=None,
        ),
        window_of(spec),
    )


def written_alike(
    first: Preprocessing, second: Preprocessing
) -> tuple[Preprocessing, Preprocessing]:
    """Return two explicit recipes with their numbers written in one range, if that says less.

    [0, 1] with mean and std 0.5 is [-1, 1]. Where two ranges differ in words, both are written in
    levels of [0, 255] if fewer numbers differ then; the pixels stay the same.
    """
    one, two = _numbers(first), _numbers(second)
    levels = one.within(0.0, 255.0), two.within(0.0, 255.0)
    if len(levels[0].differing(levels[1])) >= len(one.differing(two)):
        return first, second
    return _with_numbers(first, levels[0]), _with_numbers(second, levels[1])


def differing_steps(first: Preprocessing, second: Preprocessing) -> tuple[Step, ...]:
    """Return the steps in which two explicit recipes differ, in the order of ``STEPS``."""
    differing: set[Step] = {
        step for step, name in _PLAIN.items() if getattr(first, name) != getattr(second, name)
    }
    if _NEAREST in (first.interpolation, second.interpolation):
        differing.discard("antialiasing")  # it means nothing to one of them
    one, two = window_of(first), window_of(second)
    compared: dict[Step, bool] = {
        "input size": one.size == two.size,
        "aspect ratio": one.keeps_aspect == two.keeps_aspect,
        "order of resize and crop": one.crops_first == two.crops_first,
        "crop": one.agrees(two),
        "channel order": first.channel_order == second.channel_order,
    }
    differing |= {step for step, equal in compared.items() if not equal}
    differing |= set(_numbers(first).differing(_numbers(second)))
    return tuple(step for step in STEPS if step in differing)


def exchanged(spec: Preprocessing, source: Preprocessing, steps: Collection[Step]) -> Preprocessing:
    """Return an explicit recipe with these steps taken from ``source``."""
    fields: dict[str, Any] = {
        name: getattr(source, name) for step, name in _PLAIN.items() if step in steps
    }
    if "interpolation" in steps and _NEAREST in (spec.interpolation, source.interpolation):
        fields["antialias"] = source.antialias
    if "channel order" in steps:
        fields["channel_order"] = source.channel_order
    numbers, source_numbers = _numbers(spec), _numbers(source)
    if "range" in steps:
        numbers = replace(numbers, low=source_numbers.low, high=source_numbers.high)
    if "mean" in steps:
        numbers = replace(numbers, mean=source_numbers.mean)
    if "std" in steps:
        numbers = replace(numbers, std=source_numbers.std)
    result = _with_numbers(replace(spec, **fields), numbers)
    if not {"input size", "aspect ratio", "order of resize and crop", "crop"} & set(steps):
        return result
    window, source_window = window_of(spec), window_of(source)
    size = source_window.size if "input size" in steps else window.size
    shape = replace(
        window,
        keeps_aspect=(source_window if "aspect ratio" in steps else window).keeps_aspect,
        crops_first=(source_window if "order of resize and crop" in steps else window).crops_first,
    )
    share = source_window if "crop" in steps else window
    if window.agrees(source_window):
        # Either stands for both: the exact lengths are those of the target.
        target = (shape.keeps_aspect, shape.crops_first, size)
        of_source = (source_window.keeps_aspect, source_window.crops_first, source_window.size)
        share = source_window if target == of_source else window
    return with_window(result, mixed(shape, share, size))


def can_run(spec: Preprocessing) -> bool:
    """Return whether the library of an explicit recipe can do what the recipe says."""
    library, kernel, antialias = str(spec.library), str(spec.interpolation), spec.antialias
    if kernel not in _KERNELS[library]:
        return False
    if kernel in _NEVER_ANTIALIASED:
        return not antialias
    if library == "pillow":
        return bool(antialias and spec.rounded)
    if library == "tensorflow":
        return not spec.exif
    return library != "opencv" or antialias == (kernel == "area")


def words(spec: Preprocessing, step: Step) -> str:
    """Return the value of a step of an explicit recipe in a few words."""
    window = window_of(spec)
    own = _numbers(spec)
    texts: dict[Step, str] = {
        "orientation": "turned by EXIF" if spec.exif else "not turned",
        "library": str(spec.library),
        "antialiasing": "antialiased" if spec.antialias else "not antialiased",
        "interpolation": str(spec.interpolation).replace("_tf1", " of TensorFlow 1"),
        "rounding": "rounded to 8 bits" if spec.rounded else "not rounded",
        "input size": "x".join(map(str, window.size)),
        "aspect ratio": "kept" if window.keeps_aspect else "squashed",
        "order of resize and crop": "crop first" if window.crops_first else "resize first",
        "crop": _crop(spec),
        "crop position": f"margin rounded {(spec.crop_rounding or 'even').replace('_', ' ')}",
        "channel order": str(spec.channel_order),
        "range": f"[{own.low:g}, {own.high:g}]",
        "mean": " ".join(f"{value:.5g}" for value in own.mean),
        "std": " ".join(f"{value:.5g}" for value in own.std),
    }
    return texts[step]


def _crop(spec: Preprocessing) -> str:
    window = window_of(spec)
    size = "x".join(map(str, window.size)) if window.size[0] != window.size[1] else window.size[0]
    if window.resize is None:
        return f"{window.share:.4g} of it"
    length = window.resize
    if isinstance(length, tuple):
        return f"{size} of {length[0]}" if length[0] == length[1] else f"{size} of {length}"
    return f"{size} of {length}"


def _numbers(spec: Preprocessing) -> _Numbers:
    low, high = spec.value_range or (0.0, 255.0)
    mean, std = spec.mean or (0.0,) * 3, spec.std or (1.0,) * 3
    if spec.channel_order == "BGR":
        mean, std = mean[::-1], std[::-1]
    return _Numbers(float(low), float(high), mean, std)


def _with_numbers(spec: Preprocessing, numbers: _Numbers) -> Preprocessing:
    mean, std = numbers.mean, numbers.std
    if spec.channel_order == "BGR":
        mean, std = (mean[2], mean[1], mean[0]), (std[2], std[1], std[0])
    return replace(
        spec,
        value_range=(numbers.low, numbers.high),
        mean=None if mean == (0.0, 0.0, 0.0) else mean,
        std=None if std == (1.0, 1.0, 1.0) else std,
    )


def _floats(pair: tuple[float, float]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _triple(values: Triple | None) -> Triple | None:
    """Return a mean or std as floats; None for one that changes nothing is kept as it is."""
    return None if values is None else (float(values[0]), float(values[1]), float(values[2]))
