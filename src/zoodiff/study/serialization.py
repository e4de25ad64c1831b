"""Convert tasks and results of jobs to plain data and back, for engines with several processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zoodiff.store.records import Failure, Record
from zoodiff.tasks import Task, entry_of, of_entry


@dataclass(frozen=True)
class Product:
    """The result of a job: records with their attachments, and failures."""

    records: tuple[tuple[Record, bytes | None], ...]
    failures: tuple[Failure, ...]
    versions: dict[str, dict[str, str]]
    """Versions that workers imported, by zoo."""


def of_task(task: Task) -> dict[str, Any]:
    """Return a task as plain data."""
    return {
        "kind": task.kind,
        "entries": [of_entry(entry) for entry in task.entries],
        "conditions": [list(setting) for setting in task.conditions],
    }


def task_of(plain: Mapping[str, Any]) -> Task:
    """Return the task from plain data; raise the errors of ``entry_of``."""
    conditions = tuple((str(key), value) for key, value in plain["conditions"])
    return Task(plain["kind"], tuple(map(entry_of, plain["entries"])), conditions)


def of_product(
    records: Iterable[tuple[Record, bytes | None]],
    failures: Iterable[Failure] = (),
    versions: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the result of a job as plain data."""
    return {
        "records": [(record.model_dump_json(), attachment) for record, attachment in records],
        "failures": [failure.model_dump(mode="json") for failure in failures],
        "versions": {zoo: dict(imported) for zoo, imported in (versions or {}).items()},
    }


def product_of(plain: Mapping[str, Any]) -> Product:
    """Return the result of a job from plain data."""
    return Product(
        tuple(
            (Record.model_validate_json(content), attachment)
            for content, attachment in plain["records"]
        ),
        tuple(Failure.model_validate(failure) for failure in plain["failures"]),
        plain["versions"],
    )
