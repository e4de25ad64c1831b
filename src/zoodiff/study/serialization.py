"""Tasks as plain data, for engines that have them done in other processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoodiff.accuracy.subject import Contestant
from zoodiff.data.labels import LabelSpace
from zoodiff.errors import MeasurementError
from zoodiff.host.provenance import installed_versions
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.store.records import Failure, Record
from zoodiff.study.plan import Task
from zoodiff.zoos import registry
from zoodiff.zoos.files import FileEntry
from zoodiff.zoos.registry import Entry


@dataclass(frozen=True)
class Product:
    """What a job brings back: records with their predictions, and what could not be measured."""

    records: tuple[tuple[Record, bytes | None], ...]
    failures: tuple[Failure, ...]
    versions: dict[str, dict[str, str]]
    """Per zoo, what its worker really imported."""


def of_entry(entry: Entry) -> dict[str, Any]:
    """An entry by its name; of a file also where it lies, whatever folder one is in."""
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


def of_task(task: Task) -> dict[str, Any]:
    """A task."""
    return {
        "kind": task.kind,
        "entries": [of_entry(entry) for entry in task.entries],
        "conditions": [list(one) for one in task.conditions],
    }


def task_of(plain: Mapping[str, Any]) -> Task:
    """The task; raises as ``entry_of`` does."""
    conditions = tuple((str(key), value) for key, value in plain["conditions"])
    return Task(plain["kind"], tuple(map(entry_of, plain["entries"])), conditions)


def of_product(
    records: Iterable[tuple[Record, bytes | None]],
    failures: Iterable[Failure] = (),
    versions: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """What a job brings back."""
    return {
        "records": [(record.model_dump_json(), attachment) for record, attachment in records],
        "failures": [failure.model_dump(mode="json") for failure in failures],
        "versions": {zoo: dict(found) for zoo, found in (versions or {}).items()},
    }


def product_of(plain: Mapping[str, Any]) -> Product:
    """What a job brought back."""
    return Product(
        tuple(
            (Record.model_validate_json(content), attachment)
            for content, attachment in plain["records"]
        ),
        tuple(Failure.model_validate(one) for one in plain["failures"]),
        plain["versions"],
    )


def of_contestant(one: Contestant) -> dict[str, Any]:
    """A contestant of a pass over images; what its network does by itself is not needed there."""
    return {
        "entry": of_entry(one.entry),
        "spec": one.spec.to_dict(),
        "taken": list(one.taken),
        "labels": asdict(one.labels),
    }


def contestant_of(plain: Mapping[str, Any]) -> Contestant:
    """The contestant; raises as ``entry_of`` does."""
    labels = {**plain["labels"], "names": tuple(plain["labels"]["names"])}
    return Contestant(
        entry_of(plain["entry"]),
        Preprocessing.from_dict(plain["spec"]),
        tuple(plain["taken"]),
        LabelSpace(**labels),
    )
