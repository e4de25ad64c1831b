"""Reads Parquet files as Hugging Face ``datasets`` writes them, with columns image and label.

They are parsed in a separate process, see ``zoodiff.data.containers``.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff.bounded.files import too_large
from zoodiff.data import imagenet
from zoodiff.data.containers.process import Container, ContainerError, check_parquet
from zoodiff.data.images import LARGEST_IMAGE, MOST_IMAGES, ImageSet, Samples, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.places import Place, opened, part_of, size_of, stat_of
from zoodiff.errors import UsageError

_HARMLESS, _RATIO = 64 << 20, 200
"""Bytes of images that any file may unpack to, and further bytes per byte of the file."""


@dataclass(frozen=True)
class _Part:
    """A file whose bytes the parsing process requests."""

    place: Place
    size: int

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start``."""
        return part_of(self.place, start, size)


class _Names(Sequence[str]):
    """Names of images from file and number, created on access."""

    def __init__(self, files: Sequence[Place], starts: Sequence[int], count: int) -> None:
        self._files, self._starts, self._count = files, starts, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> str:  # type: ignore[override]
        if not 0 <= number < self._count:
            raise IndexError(number)
        return f"{self._files[bisect_right(self._starts, number) - 1].name}#{number}"


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Return the images of Parquet files; rows are read when their image is needed."""
    check_parquet("Parquet files need")
    container = Container([_Part(path, _size(path)) for path in files])
    labels: list[int | None] = []
    starts: list[int] = []
    columns: list[str] = []
    file_space: LabelSpace | None = None
    for number, path in enumerate(files):
        try:
            answer, content = container.ask("images", number, most=MOST_IMAGES - len(labels))
        except (ContainerError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"the Parquet file {path} cannot be read ({reason})") from None
        starts.append(len(labels))
        columns.append(answer["column"])
        labels += (None if label < 0 else label for label in array("q", content))
        file_space = file_space or _space(path, answer["names"])
    if not labels:
        raise UsageError(f"there is no image in {files[0]}")

    labelled = None not in labels
    return ImageSet(
        files[0].stem if len(files) == 1 else files[0].parent.name,
        f"{len(files)} Parquet files" if len(files) > 1 else "a Parquet file",
        Samples(_Names(files, starts, len(labels)), labels),
        (space or file_space or IMAGENET_1K) if labelled else None,
        _Reader(container, files, starts, columns, len(labels)),
        stamp(stat_of(path) for path in files),
        () if labelled else ("not every image has a label",),
    )


class _Reader:
    """Reads images by number.

    If one row of a file breaks a limit, the whole file is given up, since each further row would
    take as long.
    """

    def __init__(
        self,
        container: Container,
        files: Sequence[Place],
        starts: Sequence[int],
        columns: Sequence[str],
        count: int,
    ) -> None:
        self._container, self._files = container, files
        self._starts, self._columns = starts, columns
        self._given_up: dict[int, str] = {}
        self._sizes = array("q", bytes(8 * count))
        """Bytes of each image that was read."""
        self._unpacked = [0] * len(files)

    def __call__(self, number: int, most: int = LARGEST_IMAGE) -> bytes:
        """Return the encoded bytes of an image; raise OSError if they are missing."""
        file = bisect_right(self._starts, number) - 1
        if file in self._given_up:
            raise OSError(self._given_up[file])
        row, column = number - self._starts[file], self._columns[file]
        try:
            answer, content = self._container.ask("image", file, column=column, row=row, most=most)
        except ContainerError as error:
            self._given_up[file] = str(error)
            raise OSError(str(error)) from None
        if answer["size"] < 0:
            raise OSError("the row holds a path instead of an image")
        if answer["size"] > most:
            raise too_large(answer["size"], most)
        self._count(number, file, len(content))
        return content

    def _count(self, number: int, file: int, size: int) -> None:
        self._unpacked[file] += size - self._sizes[number]  # the image may be read several times
        self._sizes[number] = size
        if self._unpacked[file] > _HARMLESS + _RATIO * self._container.size_of(file):
            name = self._files[file].name
            self._given_up[file] = f"{name} unpacks to more than {_RATIO} times its bytes"


def _size(path: Place) -> int:
    opened(path).close()  # raises an error if it is no regular file
    return size_of(path)


def _space(path: Place, names: Sequence[str] | None) -> LabelSpace | None:
    """Return the label space of the class names in a file's metadata."""
    if names is None:
        return None
    first = [imagenet.class_of(name.split(",")[0]) or imagenet.class_of(name) for name in names[:3]]
    if first == [0, 1, 2] and len(names) == IMAGENET_1K.classes:
        return IMAGENET_1K
    return LabelSpace(path.parent.name, len(names), names=tuple(names))
