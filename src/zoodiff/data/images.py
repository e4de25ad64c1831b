"""A data set of encoded images, whatever it is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, overload

from zoodiff.data import imagenet
from zoodiff.data.labels import IMAGENET_1K, LabelSpace

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".jp2")
"""Endings of the files that are taken for images."""
LARGEST_IMAGE = 128 << 20
"""Bytes of one encoded image: 45 megapixels without any compression."""
MOST_IMAGES = 1_500_000
"""ImageNet's training set has 1,281,167."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An image's name and class; None without a label."""

    name: str
    label: int | None


class Samples(Sequence[Sample]):
    """Names and labels of images, from which samples are created on access.

    A million samples that were objects would take three times as much memory.
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
        """Read its bytes; raise OSError if that fails or above ``most`` bytes."""
        ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images by their number, in an order that is always the same."""

    name: str
    layout: str
    """What it is kept in, in a few words."""
    samples: Sequence[Sample]
    space: LabelSpace | None
    """What the labels mean; None without labels."""
    read: ReadImage
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

    def class_name(self, number: int) -> str:
        """The name of a class of the labels, its number where it has no name.

        A negative number stands for no class.
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
    """Return the sha256 over a listing."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, part: object) -> None:
        """The notes on one file."""
        self._sha256.update(repr(part).encode())
        self._sha256.update(b"\0")

    @property
    def digest(self) -> str:
        """Over all that were added."""
        return self._sha256.hexdigest()


def stamp(parts: Iterable[object]) -> str:
    """Return the sha256 over a listing."""
    made = Stamp()
    for part in parts:
        made.add(part)
    return made.digest


def content_hash(images: Iterable[tuple[bytes, int | None]]) -> str:
    """sha256 of a data set, from the sha256 and the label of each image.

    The same images with the same labels have the same hash, in any order and in any layout.
    """
    digest = hashlib.sha256()
    for sha, label in sorted(images, key=lambda one: (one[0], -1 if one[1] is None else one[1])):
        digest.update(sha)
        digest.update(str(label).encode() + b"\n")
    return digest.hexdigest()
