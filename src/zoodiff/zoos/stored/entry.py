"""Entries of zoos whose networks are model files: ``acme:resnet50@v2``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from zoodiff.entry import ModelRef
from zoodiff.errors import UnreadableFileError, UsageError
from zoodiff.zoos.base import WorkerSpec
from zoodiff.zoos.files import formats
from zoodiff.zoos.files.entries import OWN, FileEntry, sized, stamp_of
from zoodiff.zoos.files.formats import FileZoo

_BY_SUFFIX = {
    ".onnx": formats.ONNX,
    ".tflite": formats.TFLITE,
    ".keras": formats.KERAS,
    ".pb": formats.SAVED_MODEL,
    ".pt2": formats.TORCH,
    ".pt": formats.TORCH_SCRIPT,
    ".pth": formats.TORCH_SCRIPT,
}
BY_NAME = {
    "onnx": formats.ONNX,
    "tflite": formats.TFLITE,
    "keras": formats.KERAS,
    "savedmodel": formats.SAVED_MODEL,
    "torch.export": formats.TORCH,
    "torchscript": formats.TORCH_SCRIPT,
}
"""The formats by the names that a zoo's TOML file uses."""


class StoredFile(Protocol):
    """A model file and where it is kept."""

    @property
    def name(self) -> str:
        """Its path in the folder, the bucket or the repository."""
        ...

    def path(self) -> Path:
        """Return its path on this machine, fetched first if it is elsewhere.

        Raises MeasurementError if it cannot be had, RefusedError for a name outside its place.
        """
        ...

    def local(self) -> Path | None:
        """Return its path if it is on this machine, else None; raises nothing."""
        ...

    def identity(self) -> list[Any]:
        """Return what distinguishes this version of it, as plain values; fetches nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredFileEntry(FileEntry):
    """A model file of a zoo that lists such files, with its own or with random weights."""

    source: StoredFile
    format: str | None = None
    """The stated format, a key of ``BY_NAME``; None to recognise it by its content."""
    definition: str | None = None
    """SHA-256 of the file that describes the zoo; None if no file does."""
    extent: int | None = None
    """The stated size of images, for files that leave it open."""

    @property
    def ref(self) -> ModelRef:
        """``zoo:model@weights``; without weights if they have no name of their own."""
        named = None if self.weights and self.weights.name == OWN else self.weights_name
        return ModelRef(self.zoo.name, self.model.name, named)

    @property
    def worker(self) -> WorkerSpec:
        """The worker of the file's format."""
        return self.file_format.worker

    @property
    def file_format(self) -> FileZoo:
        """The stated format, else that of the content, else that of the name.

        A file that is missing or of no known format gets the worker of its name's format; the
        reason is raised by ``worker_model``.
        """
        if self.format is not None:
            return BY_NAME[self.format]
        local = self.source.local()
        if local is not None:
            try:
                return formats.recognise(local)
            except UsageError:
                pass
        return _BY_SUFFIX.get(PurePosixPath(self.source.name).suffix, formats.ONNX)

    @property
    def worker_model(self) -> str:
        """The path of the file on this machine, fetched if need be.

        Raises MeasurementError if it cannot be had, UnreadableFileError if it is of another format.
        """
        path = self.source.path()
        try:
            content = formats.recognise(path)
        except UsageError as error:  # the file exists and cannot be used
            raise UnreadableFileError(str(error)) from None
        if content is not self.file_format:
            raise UnreadableFileError(
                f"{self.ref}: {path} is of the format {content.title}, and the zoo states "
                f"{self.file_format.title}; correct the format"
            )
        return str(path) if self.extent is None else sized(path, self.extent)

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and time of the last change of the file; zeros if it is not on this machine."""
        local = self.source.local()
        return (0, 0) if local is None else stamp_of(local)

    @property
    def identity(self) -> dict[str, Any]:
        """Identify the version of the file, and the file that describes the zoo."""
        identity: dict[str, Any] = {"file": self.source.identity()}
        return identity | ({"definition": self.definition} if self.definition else {})

    def at_extent(self, extent: int) -> FileEntry | None:
        """Return the entry with a size for its images; None if the zoo states one."""
        return replace(self, extent=extent) if self.extent is None else None
