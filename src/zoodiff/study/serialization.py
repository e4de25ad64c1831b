"""Tasks as plain data, for engines with other processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zoodiff.store.records import Failure, Record
from zoodiff.tasks import Task, entry_of, of_entry


@dataclass(frozen=True)
class Product:
    """The result of a job: records with predictions, and failures."""

    records: tuple[tuple[Record, bytes | None], ...]
    failures: tuple[Failure, ...]
    versions: dict[str, dict[str, str]]
    """Per zoo, what its worker really imported."""


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
    """The result of a job."""
    return {
        "records": [(record.model_dump_json(), attachment) for record, attachment in records],
        "failures": [failure.model_dump(mode="json") for failure in failures],
        "versions": {zoo: dict(found) for zoo, found in (versions or {}).items()},
    }


def product_of(plain: Mapping[str, Any]) -> Product:
    """The result of a job."""
    return Product(
        tuple(
            (Record.model_validate_json(content), attachment)
            for content, attachment in plain["records"]
        ),
        tuple(Failure.model_validate(one) for one in plain["failures"]),
        plain["versions"],
    )
