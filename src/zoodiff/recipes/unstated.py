"""Recipes that leave steps open: what they do not state is taken from the other recipe.

So two recipes are compared in what both of them state, and in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes.steps import can_run, explicit

_LIBRARY = ("library", "exif", "rounded")
_WINDOW = ("resize", "resize_policy", "crop_fraction")
_NUMBERS = ("value_range", "mean", "std")


@dataclass(frozen=True)
class Comparable:
    """Two explicit recipes that differ only in what both state."""

    first: Preprocessing
    second: Preprocessing
    unstated: tuple[str, ...]
    """What is not compared, because one of them does not state it."""


def comparable(
    first: Preprocessing, second: Preprocessing, size: tuple[int, int] | None = None
) -> Comparable | None:
    """Return two recipes with what they leave open; None if no library can run them so.

    ``size`` is the network's input, taken where neither recipe states one.
    """
    unstated: dict[str, None] = {}
    if first.input_size is None and second.input_size is None:
        first, second = replace(first, input_size=size), replace(second, input_size=size)
    left = _filled(first, second, unstated)
    right = _filled(second, first, unstated)
    usual = right.input_size or left.input_size or size or (224, 224)
    left, right = completed(left, usual)[0], completed(right, usual)[0]
    left, right = explicit(left), explicit(right)
    if not can_run(left) or not can_run(right):
        return None
    return Comparable(left, right, tuple(unstated))


def _filled(spec: Preprocessing, other: Preprocessing, unstated: dict[str, None]) -> Preprocessing:
    """Return a recipe with what it leaves open and the other states."""
    if spec.input_size is None and other.input_size is not None:
        spec = replace(spec, input_size=other.input_size)
        unstated["input size"] = None
    if spec.library is None and other.library is not None:
        spec = _with_library(spec, other)
        unstated["library"] = None
    if spec.interpolation is None and other.interpolation is not None:
        spec = _taken(spec, other, ("interpolation", "antialias"))
        unstated["interpolation"] = None
    if (spec.resize_policy, spec.resize, spec.crop_fraction) == (None, None, None):
        if other.resize_policy is not None:
            unstated["crop"] = None
        spec = _with_window(spec, other)
    if spec.channel_order is None and other.channel_order is not None:
        spec = replace(spec, channel_order=other.channel_order)
        unstated["channel order"] = None
    return _filled_numbers(spec, other, unstated)


def _filled_numbers(
    spec: Preprocessing, other: Preprocessing, unstated: dict[str, None]
) -> Preprocessing:
    """Return a recipe with the other's range, mean and std, if its own are not known."""
    if spec.inside_network != other.inside_network:
        unstated["range, mean and std (inside one network)"] = None
        return _with_numbers(spec, other) if spec.inside_network else spec
    open_numbers = (spec.value_range, spec.mean) == (None, None) and not spec.inside_network
    if open_numbers and (other.value_range, other.mean) != (None, None):
        unstated["range, mean and std"] = None
        return _with_numbers(spec, other)
    return spec


def _with_library(spec: Preprocessing, other: Preprocessing) -> Preprocessing:
    antialias = other.antialias if spec.antialias is None else spec.antialias
    spec = replace(_taken(spec, other, _LIBRARY), antialias=antialias)
    if {spec.interpolation, other.interpolation} == {"bilinear", "bilinear_tf1"}:
        # the word "bilinear" does not say where the centre of a pixel is
        return replace(spec, interpolation=other.interpolation)
    return spec


def _with_numbers(spec: Preprocessing, other: Preprocessing) -> Preprocessing:
    """Return a recipe with the other's range, mean and std, each with its colour."""
    taken = _taken(spec, other, _NUMBERS)
    if (spec.channel_order == "BGR") == (other.channel_order == "BGR"):
        return taken
    mean, std = other.mean, other.std
    return replace(taken, mean=mean and mean[::-1], std=std and std[::-1])


def _with_window(spec: Preprocessing, other: Preprocessing) -> Preprocessing:
    """Return a recipe with the other's window, in proportion to its own input size."""
    spec = _taken(spec, other, _WINDOW)
    if spec.input_size == other.input_size or spec.input_size is None or not other.input_size:
        return spec
    ratio = min(spec.input_size) / min(other.input_size)
    if isinstance(spec.resize, int):
        return replace(spec, resize=round(spec.resize * ratio))
    if isinstance(spec.resize, tuple):
        height, width = spec.resize
        return replace(spec, resize=(round(height * ratio), round(width * ratio)))
    return spec


def _taken(spec: Preprocessing, other: Preprocessing, names: tuple[str, ...]) -> Preprocessing:
    return replace(spec, **{name: getattr(other, name) for name in names})
