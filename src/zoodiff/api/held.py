"""Entries of what a caller gives: names, paths, and networks held in Python."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.stated_inputs import empty_inputs, read_arrays, stated_inputs
from zoodiff.errors import UsageError
from zoodiff.zoos import registry
from zoodiff.zoos.objects.entries import ObjectEntry, object_entry
from zoodiff.zoos.objects.model_files import file_entry
from zoodiff.zoos.objects.stated import StatedInputs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from zoodiff.equivalence.runs.named_inputs import StatedInput
    from zoodiff.zoos.registry import Entry


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
    called = StatedInputs(empty_inputs(options)) if example is None and options else example
    with contextlib.ExitStack() as stack:
        entries: list[Entry] = []
        notes: dict[str, None] = {}
        for value in values:
            taken = {entry.model.name for entry in entries}
            entry, known = _entry(value, called, stack, taken)
            entries.append(entry)
            notes |= dict.fromkeys(known)
        held = [entry for entry in entries if isinstance(entry, ObjectEntry)]
        if held and example is not None:
            arrays = held[0].held.example()
        elif example is None or isinstance(example, Mapping):
            arrays = example or {}
        else:
            raise UsageError("name the arrays of the example, as in example={'ids': ids}")
        yield Subjects(tuple(entries), stated_inputs(options, arrays), tuple(notes))


def _entry(
    value: Any, example: Any, stack: contextlib.ExitStack, taken: Collection[str]
) -> tuple[Entry, Sequence[str]]:
    """The entry of a name, a path or a network, and what to know of it first."""
    if isinstance(value, str):
        return registry.resolve(value), ()
    if isinstance(value, os.PathLike):
        return registry.resolve(f"file:{os.fspath(value)}"), ()

    def folder() -> Path:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zoodiff-")))

    written = file_entry(value, folder)
    if written is not None:
        entry, note = written
        return entry, (note,) if note else ()
    held = object_entry(value, example, taken)
    return held, held.held.notes
