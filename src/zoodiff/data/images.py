"""A data set of encoded images, whatever it is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoodiff.data.labels import LabelSpace

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".jp2")
"""Endings of the files that are taken for images."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: what it is called, and its class; None without a label."""

    name: str
    label: int | None


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images by their number, in an order that is always the same."""

    name: str
    layout: str
    """What it is kept in, in a few words."""
    samples: Sequence[Sample]
    space: LabelSpace | None
    """What the labels mean; None without labels."""
    read: Callable[[int], bytes]
    """The encoded bytes of one image; raises OSError where they cannot be had."""
    stamp: str
    """Changes whenever names, sizes, times or labels do; nothing is read for it."""
    notes: tuple[str, ...] = field(default=())
    """What a user should know of how labels were found."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> bool:
        """Whether every image has a label."""
        return self.space is not None


def is_image(path: Path | str) -> bool:
    """Whether a name ends like an image's; hidden files and those that macOS adds do not count."""
    name = Path(path).name
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def stamp(parts: Iterable[object]) -> str:
    """sha256 over what a listing says."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def content_hash(images: Iterable[tuple[bytes, int | None]]) -> str:
    """sha256 of a data set, from the sha256 and the label of each image.

    The same images with the same labels have the same hash, in any order and in any layout.
    """
    digest = hashlib.sha256()
    for sha, label in sorted(images, key=lambda one: (one[0], -1 if one[1] is None else one[1])):
        digest.update(sha)
        digest.update(str(label).encode() + b"\n")
    return digest.hexdigest()
