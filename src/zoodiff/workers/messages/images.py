"""Messages about images: decode and resize them, and run networks on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zoodiff.workers.messages.arrays import Array


@dataclass(frozen=True)
class Pixels:
    """Decodes the concatenated images in ``data`` and resizes them to each geometry."""

    data: Array
    sizes: list[int]
    """Bytes of each image."""
    geometries: list[dict[str, object]]


@dataclass(frozen=True)
class Classify:
    """Preprocesses pixels ``(images, rows, columns, 3)`` as stated, and runs a network on them.

    The first ``repeat`` images are run a second time, one by one and the last first.
    """

    handle: str
    pixels: Array
    preprocessing: dict[str, object]
    batch: int
    repeat: int = 0


@dataclass(frozen=True)
class Predict:
    """Prepares decoded images by the zoo's own preprocessing, and runs a network on them."""

    handle: str
    images: Array
    batch: int


@dataclass(frozen=True)
class Decoded:
    """One array ``(images, rows, columns, 3)`` per geometry, and why images failed."""

    pixels: list[Array]
    failed: dict[str, str]
    """Reasons by the image's position; its pixels are 0."""
    extents: list[tuple[int, int]]
    """For a single image, its rows and columns before it is resized, by geometry."""


@dataclass(frozen=True)
class Classified:
    """The outputs, one row per image, and the comparison of repeated images."""

    outputs: Array
    repeated: int = 0
    changed: int = 0
    """Number of repeated images whose best output changed."""
    deviation: float | None = None
    """Largest difference over the spread of the outputs; None if it is not finite."""


@dataclass(frozen=True)
class Recipes:
    """Asks for the zoo's own preprocessings of weights; the lists are parallel."""

    models: list[str]
    weights: list[str]


@dataclass(frozen=True)
class Recipe:
    """One preprocessing; see ``zoodiff.zoos.base.OwnRecipe``."""

    words: str
    takes: Literal["file", "pixels"]
    layout: Literal["NCHW", "NHWC"]
    processor: str
    preprocessing: dict[str, object] | None


@dataclass(frozen=True)
class OwnRecipes:
    """The preprocessings of each weights, and why there are none, by position."""

    recipes: list[list[Recipe]]
    failed: dict[str, str]
    absent: dict[str, str]
    """Why those of some weights are not on this machine; nothing failed."""


@dataclass(frozen=True)
class Prepare:
    """Prepares one image by the zoo's own code: bytes of a file, or pixels (rows, columns, 3)."""

    model: str
    weights: str
    processor: str
    image: Array
