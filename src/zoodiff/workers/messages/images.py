"""Images: decoded and resized, and run through networks."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.workers.messages.arrays import Array


@dataclass(frozen=True)
class Pixels:
    """Decodes images, given one after the other in ``data``, and resizes them to each geometry."""

    data: Array
    sizes: list[int]
    """Bytes of each image."""
    geometries: list[dict[str, object]]


@dataclass(frozen=True)
class Classify:
    """Runs pixels (images, rows, columns, 3) by a stated preprocessing.

    The first ``repeat`` images are run a second time, one by one and the last first.
    """

    handle: str
    pixels: Array
    preprocessing: dict[str, object]
    batch: int
    repeat: int = 0


@dataclass(frozen=True)
class Predict:
    """Prepares decoded images by the zoo's own preprocessing, and runs them."""

    handle: str
    images: Array
    batch: int


@dataclass(frozen=True)
class Decoded:
    """For each geometry an array (images, rows, columns, 3), and why images failed."""

    pixels: list[Array]
    failed: dict[str, str]
    """Reasons by the image's position; its rows are 0."""
    extents: list[tuple[int, int]]
    """For a single image, by geometry: rows and columns before it is resized."""


@dataclass(frozen=True)
class Classified:
    """Outputs, one row per image, and what running some of them again gave."""

    outputs: Array
    repeated: int = 0
    changed: int = 0
    """Of the repeated images, how many have another best output."""
    deviation: float | None = None
    """Largest difference over the spread of the outputs; None where they are no numbers."""
