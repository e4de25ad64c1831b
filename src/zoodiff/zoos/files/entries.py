"""A path as an entry."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoodiff import filenames
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import UnknownNameError, UnreadableFileError, UsageError
from zoodiff.zoos.base import Entry, Model, Weights
from zoodiff.zoos.files import sidecar
from zoodiff.zoos.files.formats import FileZoo, recognise

FILE = "file"
"""What stands before the colon."""
OWN = "file"
"""Name of the weights that a file holds."""
_SUFFIXES = (".onnx", ".tflite", ".keras", ".pb", ".pt2", ".pt", ".pth", ".h5", ".safetensors")
_SIZE = re.compile(r"\?size=(?P<size>[0-9]{1,5})$")
_MOST_FILES = 100_000
"""Files of a SavedModel's folder; it has a handful."""
_DEFAULT, _LARGEST = 224, 16_384
"""Sizes of an input that the file leaves open."""


@dataclass(frozen=True)
class FileEntry(Entry):
    """A file, with the weights that it holds or with random ones.

    The model's name is the absolute path, since workers have a folder of their own.
    """

    named: str = ""
    """The path as it was given."""

    @property
    def ref(self) -> ModelRef:
        """``file:path``, with ``@random`` for random weights."""
        return ModelRef(FILE, self.named, None if self.weights else RANDOM)

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time of change of the file, so that another content is another entry."""
        path, _ = opened(self.model.name)
        size = newest = 0
        try:
            for count, name in enumerate(_files(path)):
                if count >= _MOST_FILES:
                    raise UnreadableFileError(f"{path} holds more than {_MOST_FILES:,} files")
                facts = name.stat()
                size, newest = size + facts.st_size, max(newest, facts.st_mtime_ns)
        except OSError as error:
            raise UnreadableFileError(f"cannot look at {path} ({error.strerror})") from None
        return size, newest


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder; links to folders are not followed."""
    if not path.is_dir():
        yield path
    for place, _, names in os.walk(path):
        below = (Path(place) / name for name in names)
        yield from (one for one in below if one.is_file())


def is_file(text: str) -> bool:
    """Whether a reference means a file: by ``file:``, or because it looks like a path."""
    if text.startswith(f"{FILE}:"):
        return True
    if re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*:", text):
        return False
    name, _, _ = _parts(text)
    return "/" in name or name.endswith(_SUFFIXES) or filenames.exists(name)


def _parts(text: str) -> tuple[str, int | None, bool]:
    """Path, size, and whether random weights are wanted; a file may be called ``a@random``."""
    name, random = text.removeprefix(f"{FILE}:"), False
    if name.endswith(f"@{RANDOM}") and not filenames.exists(name):
        name, random = name.removesuffix(f"@{RANDOM}"), True
    size = _SIZE.search(name)
    return _SIZE.sub("", name), int(size["size"]) if size else None, random


def resolve(text: str) -> FileEntry:
    """The entry of a path: ``file:`` before it and ``?size=N`` and ``@random`` behind are optional.

    ``size`` stands in for a height and width that the file leaves open (224 without). Raises
    UnknownNameError where there is no such file, UnreadableFileError for one that cannot be read.
    """
    name, size, random = _parts(text)
    path = Path(name)
    if not filenames.exists(name):
        raise UnknownNameError(f"there is no file {name}; entries of zoos are written zoo:model")
    extent = _DEFAULT if size is None else size
    if not 1 <= extent <= _LARGEST:
        raise UsageError(f"{extent} is no size of an image; take one from 1 to {_LARGEST}")
    more = "" if size is None else f"?size={size}"
    own = Weights(OWN, default=True)
    said = sidecar.read(path)
    model = Model(
        name=f"{path.resolve()}{more}",
        architecture=said.architecture or path.name,
        weights=(own,),
        preprocessing=said.preprocessing,
        labels=said.labels,
        input_shape=(3, extent, extent),
        note=f"a file; preprocessing and labels are those of {said.path.name}"
        if said.path
        else "a file; preprocessing and labels are not known",
    )
    return FileEntry(_format_of(path), model, None if random else own, named=f"{name}{more}")


def _format_of(path: Path) -> FileZoo:
    try:
        return recognise(path)
    except UsageError as error:  # the name is right; it is the file that cannot be used
        raise UnreadableFileError(str(error)) from None


def opened(model: str) -> tuple[Path, int]:
    """The path and the size that a worker is given as the name of a model."""
    size = _SIZE.search(model)
    return Path(_SIZE.sub("", model)), int(size["size"]) if size else _DEFAULT
