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
from zoodiff.zoos.registry import Entry

Kind = Literal["architecture", "latency", "accuracy", "explanation"]


@dataclass(frozen=True)
class Task:
    """One unit of work: it finishes whole or is done again.

    Architecture measures one entry; latency measures all entries of one architecture,
    interleaved, since only these are compared; accuracy measures up to ``TOGETHER`` entries in one
    pass over the images, and explanation takes the differences among the entries of one
    architecture apart once their accuracy is known. Records of these two have keys of their own.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    conditions: tuple[tuple[str, Any], ...]

    @property
    def settings(self) -> dict[str, Any]:
        """The conditions as a dictionary."""
        return dict(self.conditions)

    def key(self, entry: Entry, repeat: int = 0) -> str:
        """Key of the record that this task makes of one of its entries.

        Latency depends on the machine and on its neighbours in the schedule; counts do not.
        """
        asked: dict[str, Any] = {
            "kind": self.kind,
            "entry": str(entry.ref),
            "conditions": self.settings,
            "versions": installed_versions(entry),
            "zoodiff": __version__,
            **identity(entry),
        }
        if self.kind == "latency":
            asked["group"] = sorted(str(e.ref) for e in self.entries)
            asked["hardware"] = hardware().model_dump()
            asked["repeat"] = repeat
        return key_of(**asked)

    @property
    def label(self) -> str:
        """A few words for a progress bar."""
        if len(self.entries) == 1:
            return f"{self.kind} {self.entries[0].ref}"
        if self.kind == "accuracy":
            more = len(self.entries) - 1
            return f"accuracy of {self.entries[0].ref} and {more} more on images"
        return f"{self.kind} of {len(self.entries)} x {self.entries[0].model.architecture}"


@dataclass(frozen=True)
class Finished:
    """What a task that was done in parts came to."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    measured: int
    """How many of the records were measured now; the others were in the store."""


def of_entry(entry: Entry) -> dict[str, Any]:
    """Name an entry; for a file, include its absolute path."""
    plain: dict[str, Any] = {"ref": str(entry.ref), "installed": installed_versions(entry)}
    if isinstance(entry, FileEntry):
        plain |= {"path": entry.model.name, "named": entry.named, "random": entry.weights is None}
    return plain


def entry_of(plain: Mapping[str, Any]) -> Entry:
    """The entry that is meant, here.

    Raises UnknownNameError where there is none, MeasurementError where this machine has other
    versions of its framework than the one that asks.
    """
    entry = registry.resolve(plain["ref"]) if "path" not in plain else _file_of(plain)
    here = installed_versions(entry)
    if here != plain["installed"]:
        there = plain["installed"]
        name = next(n for n in (*there, *here) if there.get(n) != here.get(n))
        raise MeasurementError(
            f"the worker's machine has {name} {here.get(name, 'not at all')}, this one "
            f"{there.get(name, 'not at all')}; install the same versions on all machines"
        )
    return entry


def _file_of(plain: Mapping[str, Any]) -> Entry:
    entry = registry.resolve(f"file:{plain['path']}")
    assert isinstance(entry, FileEntry)
    weights = None if plain["random"] else entry.weights
    return replace(entry, weights=weights, named=plain["named"])
