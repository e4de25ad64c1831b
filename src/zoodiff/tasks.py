"""A task of a study, and an entry as plain data for other processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from zoodiff._version import __version__
from zoodiff.errors import MeasurementError
from zoodiff.host.provenance import hardware, identity, installed_versions
from zoodiff.store.records import Failure, Record, key_of
from zoodiff.zoos import registry
from zoodiff.zoos.files import FileEntry
from zoodiff.zoos.folder_entry import FolderEntry
from zoodiff.zoos.registry import Entry
from zoodiff.zoos.stored.entry import StoredFileEntry

Kind = Literal[
    "architecture", "difference", "latency", "accuracy", "explanation", "names", "recipes"
]


@dataclass(frozen=True)
class Task:
    """One unit of work: it finishes completely or is repeated.

    An architecture task measures one entry. A difference task compares the graphs of the entries of
    one comparison, once they are described. A latency task times the entries of one architecture
    interleaved, because these are compared. An accuracy task evaluates up to ``TOGETHER`` entries
    in one pass over the images. An explanation task decomposes the accuracy differences among the
    entries of one architecture. A names task fingerprints the network of one entry for the table of
    names. The recipes task audits the recipes of all names. Records of difference, accuracy,
    explanation and recipes compute their own keys.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    conditions: tuple[tuple[str, Any], ...]

    @property
    def settings(self) -> dict[str, Any]:
        """The conditions as a dictionary."""
        return dict(self.conditions)

    def key(self, entry: Entry, repeat: int = 0) -> str:
        """Return the key of this task's record for one of its entries.

        The key of a latency includes the machine and the entries timed in the same run.
        """
        request: dict[str, Any] = {
            "kind": self.kind,
            "entry": str(entry.ref),
            "conditions": self.settings,
            "versions": installed_versions(entry, str(self.settings.get("mode", ""))),
            "zoodiff": __version__,
            **identity(entry),
        }
        if self.kind == "latency":
            request["group"] = sorted(str(e.ref) for e in self.entries)
            request["hardware"] = hardware().model_dump()
            request["repeat"] = repeat
        return key_of(**request)

    @property
    def label(self) -> str:
        """The task in a few words, for a progress bar."""
        if len(self.entries) == 1:
            return f"{self.kind} {self.entries[0].ref}"
        if self.kind == "accuracy":
            more = len(self.entries) - 1
            return f"accuracy of {self.entries[0].ref} and {more} more on images"
        if self.kind == "difference":
            more = len(self.entries) - 1
            return f"difference of the graphs of {self.entries[0].ref} and {more} more"
        if self.kind == "recipes":
            names = len({entry.model.architecture for entry in self.entries})
            return f"recipes of {names} names"
        return f"{self.kind} of {len(self.entries)} x {self.entries[0].model.architecture}"


@dataclass(frozen=True)
class Finished:
    """The records and failures of a task that was done in parts."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    measured: int
    """How many of the records were measured now; the others were in the store."""


def of_entry(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data; for a file or a folder, with its absolute path."""
    plain: dict[str, Any] = {"ref": str(entry.ref), "installed": installed_versions(entry)}
    if isinstance(entry, StoredFileEntry):
        plain |= {"definition": entry.definition}
    elif isinstance(entry, FileEntry):
        plain |= {"path": entry.model.name, "named": entry.named, "random": entry.weights is None}
    if isinstance(entry, FolderEntry):
        plain |= {"address": entry.address, "named": entry.named}
    return plain


def entry_of(plain: Mapping[str, Any]) -> Entry:
    """Return the entry that the plain data of ``of_entry`` names, resolved on this machine.

    Raises UnknownNameError if it does not exist here, MeasurementError if the framework's version
    differs from that on the requesting machine.
    """
    entry = _file_of(plain) if "path" in plain else registry.resolve(_address(plain))
    if isinstance(entry, FolderEntry):
        entry = replace(entry, named=plain["named"])
    if isinstance(entry, StoredFileEntry) and entry.definition != plain["definition"]:
        raise MeasurementError(
            f"the worker's machine describes the zoo of {entry.ref} by another file than this one; "
            "use the same file on all machines"
        )
    here = installed_versions(entry)
    if here != plain["installed"]:
        there = plain["installed"]
        name = next(n for n in (*there, *here) if there.get(n) != here.get(n))
        raise MeasurementError(
            f"the worker's machine has {name} {here.get(name, 'not at all')}, this one "
            f"{there.get(name, 'not at all')}; install the same versions on all machines"
        )
    return entry


def _address(plain: Mapping[str, Any]) -> str:
    address: str = plain.get("address", plain["ref"])
    return address


def _file_of(plain: Mapping[str, Any]) -> Entry:
    entry = registry.resolve(f"file:{plain['path']}")
    assert isinstance(entry, FileEntry)
    weights = None if plain["random"] else entry.weights
    return replace(entry, weights=weights, named=plain["named"])
