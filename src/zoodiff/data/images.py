"""A data set of encoded images in any layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, overload

from zoodiff.data import imagenet
from zoodiff.data.labels import IMAGENET_1K, LabelSpace

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".jp2")
"""Endings of image files."""
LARGEST_IMAGE = 128 << 20
"""Most bytes of one encoded image: 45 megapixels without compression."""
MOST_IMAGES = 1_500_000
"""Most images of a data set; ImageNet's training set has 1,281,167."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image's name and class; None without a label."""

    name: str
    label: int | None


class Samples(Sequence[Sample]):
    """The samples of a data set, created on access from lists of names and labels.

    A million objects would take three times as much memory.
    """

    def __init__(self, names: Sequence[str], labels: Sequence[int | None]) -> None:
        self._names, self._labels = names, labels

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, number: int) -> Sample: ...

    @overload
    def __getitem__(self, number: slice) -> Samples: ...

    def __getitem__(self, number: int | slice) -> Sample | Samples:
        if isinstance(number, slice):
            return Samples(self._names[number], self._labels[number])
        return Sample(self._names[number], self._labels[number])


class ReadImage(Protocol):
    """Reads the encoded bytes of an image by its number."""

    def __call__(self, number: int, most: int = LARGEST_IMAGE) -> bytes:
        """Return the bytes of an image; raise OSError if that fails or above ``most`` bytes."""
        ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Encoded images by number, in a fixed order."""

    name: str
    layout: str
    """The layout of the data set in a few words."""
    samples: Sequence[Sample]
    space: LabelSpace | None
    """The label space; None if the images have no labels."""
    read: ReadImage
    """Returns the encoded bytes of an image; raises OSError if they cannot be read."""
    stamp: str
    """Hash of names, sizes, times and labels, computed without reading images."""
    notes: tuple[str, ...] = field(default=())
    """What a user should know of the labels and of images left out."""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> bool:
        """Whether every image has a label."""
        return self.space is not None

    def class_name(self, number: int) -> str:
        """Return the name of a class, or its number as text if it has no name.

        A negative number means "no class".
        """
        if number < 0:
            return "no class"
        if self.space == IMAGENET_1K:
            return imagenet.names()[number]
        names = self.space.names if self.space else ()
        return names[number] if number < len(names) else str(number)


def is_image(path: Path | str) -> bool:
    """Return whether a name is an image's; hidden files and macOS metadata are excluded."""
    name = Path(path).name
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


class Stamp:
    """Computes the sha256 of a listing, file by file."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, part: object) -> None:
        """Add the name, size and other facts of one file."""
        self._sha256.update(repr(part).encode())
        self._sha256.update(b"\0")

    @property
    def digest(self) -> str:
        """The sha256 of everything added so far."""
        return self._sha256.hexdigest()


def stamp(parts: Iterable[object]) -> str:
    """Return the sha256 of a listing."""
    listing = Stamp()
    for part in parts:
        listing.add(part)
    return listing.digest


def content_hash(images: Iterable[tuple[bytes, int | None]]) -> str:
    """Return the sha256 of a data set, from the sha256 and the label of each image.

    It is the same in any order and in any layout.
    """
    digest = hashlib.sha256()
    for sha, label in sorted(
        images, key=lambda image: (image[0], -1 if image[1] is None else image[1])
    ):
        digest.update(sha)
        digest.update(str(label).encode() + b"\n")
    return digest.hexdigest()
