"""Entries of what a caller gives: names, paths, and networks held in Python."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.stated_inputs import read_arrays, stated_inputs
from zoodiff.errors import UsageError
from zoodiff.zoos import registry
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.objects.entries import ObjectEntry, object_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoodiff.equivalence.runs.named_inputs import StatedInput
    from zoodiff.zoos.registry import Entry

_LARGEST_MESSAGE = 2**31 - 1
"""Bytes of one message of protobuf; a larger model keeps its weights in a file of their own."""


@dataclass(frozen=True)
class Subjects:
    """Entries to compare, and what is known of their inputs."""

    entries: tuple[Entry, ...]
    inputs: tuple[StatedInput, ...]
    notes: tuple[str, ...]
    """What the caller should know first."""


@contextlib.contextmanager
def subjects(values: Sequence[Any], example: Any, options: Sequence[str]) -> Iterator[Subjects]:
    """Give the entries of names, paths and networks; files of models in memory last as long.

    ``example`` are inputs: what a network is called with, arrays by name, or the path of an
    ``.npz`` file with them. Raises UsageError for what is no network.
    """
    if isinstance(example, str | Path):
        example = read_arrays(Path(example))
    with contextlib.ExitStack() as stack:
        entries = tuple(_entry(value, example, stack) for value in values)
        held = [entry for entry in entries if isinstance(entry, ObjectEntry)]
        notes = tuple(dict.fromkeys(note for entry in held for note in entry.held.notes))
        if held:
            arrays = held[0].held.example()
        elif example is None or isinstance(example, Mapping):
            arrays = example or {}
        else:
            raise UsageError("name the arrays of the example, as in example={'ids': ids}")
        yield Subjects(entries, stated_inputs(options, arrays), notes)


def _entry(value: Any, example: Any, stack: contextlib.ExitStack) -> Entry:
    if isinstance(value, str):
        return registry.resolve(value)
    if isinstance(value, Path):
        return registry.resolve(f"file:{value}")
    onnx = sys.modules.get("onnx")
    if onnx is not None and isinstance(value, onnx.ModelProto):
        return _file_of(value, stack)
    return object_entry(value, example)


def _file_of(model: Any, stack: contextlib.ExitStack) -> FileEntry:
    """Write a model to a file, which the confined worker of ONNX files reads as any other."""
    import onnx

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoodiff-")))
    path = folder / "model.onnx"
    if model.ByteSize() <= _LARGEST_MESSAGE:
        path.write_bytes(model.SerializeToString())
    else:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)  # saving moves the weights out of the model
        onnx.save_model(copy, path, save_as_external_data=True, location="weights")
    entry = registry.resolve(f"file:{path}")
    assert isinstance(entry, FileEntry)
    return FileEntry(
        entry.zoo, entry.model, entry.weights, entry.foreign, f"ModelProto {model.graph.name}"
    )
