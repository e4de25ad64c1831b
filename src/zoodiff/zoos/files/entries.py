"""Model files as entries."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoodiff import filenames
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import UnknownNameError, UnreadableFileError, UsageError
from zoodiff.zoos.base import Entry, Model, Weights
from zoodiff.zoos.files import sidecar
from zoodiff.zoos.files.formats import FileZoo, recognise

FILE = "file"
"""The prefix of a reference to a file, before the colon."""
OWN = "file"
"""Name of a file's own weights."""
_SUFFIXES = (
    *(".onnx", ".tflite", ".keras", ".pb", ".pt2", ".pt", ".pth", ".h5", ".safetensors"),
    ".xml",
)
_SIZE = re.compile(r"\?size=(?P<size>[0-9]{1,5})$")
_MOST_FILES = 100_000
"""Files of a SavedModel's folder; usual ones have a handful."""
_DEFAULT, _LARGEST = 224, 16_384
"""Default and largest extent of an input whose size the file leaves open."""


@dataclass(frozen=True)
class FileEntry(Entry):
    """A model file, with its own weights or with random weights.

    The model's name is the absolute path, because workers have another current folder.
    """

    named: str = ""
    """The path as the user wrote it."""

    @property
    def ref(self) -> ModelRef:
        """``file:path``, with ``@random`` for random weights."""
        return ModelRef(FILE, self.named, None if self.weights else RANDOM)

    @property
    def stamp(self) -> tuple[int, int]:
        """The size and the time of the last change, which distinguish versions of the file."""
        return stamp_of(opened(self.model.name)[0])

    @property
    def identity(self) -> dict[str, Any]:
        """What distinguishes this version of the file in the keys of records."""
        return {"file": list(self.stamp)}

    def at_extent(self, extent: int) -> FileEntry | None:
        """Return the entry with a size for images that the file leaves open.

        None if the size was stated, or is none of an image.
        """
        if is_sized(self.model.name) or not 1 <= extent <= _LARGEST:
            return None
        model = replace(self.model, name=sized(self.model.name, extent))
        model = replace(model, input_shape=(3, extent, extent))
        return replace(self, model=model, named=sized(self.named, extent))


def stamp_of(path: Path) -> tuple[int, int]:
    """Return the size of a file or folder and the time of its last change.

    Raises UnreadableFileError if it cannot be read.
    """
    size = newest = 0
    try:
        for count, name in enumerate(_files(path)):
            if count >= _MOST_FILES:
                raise UnreadableFileError(f"{path} holds more than {_MOST_FILES:,} files")
            facts = name.stat()
            size, newest = size + facts.st_size, max(newest, facts.st_mtime_ns)
    except OSError as error:
        raise UnreadableFileError(f"cannot read {path} ({error.strerror})") from None
    return size, newest


def _files(path: Path) -> Iterator[Path]:
    """Yield the file and its weights, or all files below a folder; links to folders are left."""
    if not path.is_dir():
        yield path
    if path.suffix == ".xml" and filenames.is_file(path.with_suffix(".bin")):
        yield path.with_suffix(".bin")  # the weights of an OpenVINO IR
    for place, _, names in os.walk(path):
        below = (Path(place) / name for name in names)
        yield from (file for file in below if file.is_file())


def is_file(text: str) -> bool:
    """Whether a reference names a file: it starts with ``file:`` or looks like a path."""
    if text.startswith(f"{FILE}:"):
        return True
    if re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*:", text):
        return False
    name, _, _ = _parts(text)
    return "/" in name or name.endswith(_SUFFIXES) or filenames.exists(name)


def _parts(text: str) -> tuple[str, int | None, bool]:
    """Return path, size, and whether ``@random`` is appended; a file may be named ``a@random``."""
    name, random = text.removeprefix(f"{FILE}:"), False
    if name.endswith(f"@{RANDOM}") and not filenames.exists(name):
        name, random = name.removesuffix(f"@{RANDOM}"), True
    size = _SIZE.search(name)
    return _SIZE.sub("", name), int(size["size"]) if size else None, random


def resolve(text: str) -> FileEntry:
    """Return the entry of a path, with optional ``file:`` before and ``?size=N@random`` after it.

    ``size`` replaces a height and width that the file leaves open (default 224). Raises
    UnknownNameError for a missing file, UnreadableFileError for one that cannot be read.
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
    facts = sidecar.read(path)
    model = Model(
        name=f"{path.resolve()}{more}",
        architecture=facts.architecture or path.name,
        weights=(own,),
        preprocessing=facts.preprocessing,
        labels=facts.labels,
        input_shape=(3, extent, extent),
        note=f"a file; preprocessing and labels are those of {facts.path.name}"
        if facts.path
        else "a file; preprocessing and labels are not known",
    )
    return FileEntry(_format_of(path), model, None if random else own, named=f"{name}{more}")


def _format_of(path: Path) -> FileZoo:
    try:
        return recognise(path)
    except UsageError as error:  # the file exists and cannot be used
        raise UnreadableFileError(str(error)) from None


def sized(path: Path | str, extent: int) -> str:
    """Return the name of a model that states a size for its images."""
    return f"{path}?size={extent}"


def is_sized(model: str) -> bool:
    """Whether the name of a model says its size."""
    return _SIZE.search(model) is not None


def opened(model: str) -> tuple[Path, int]:
    """Return the path and the image size in a file's model name."""
    size = _SIZE.search(model)
    return Path(_SIZE.sub("", model)), int(size["size"]) if size else _DEFAULT
