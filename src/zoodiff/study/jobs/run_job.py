"""Run one job of a study in a slot; its data and its result are plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zoodiff.accuracy.sharding import do_shard
from zoodiff.architecture import describe as architecture
from zoodiff.engines.base import Job, Partial, Step
from zoodiff.engines.pool import WorkerPool, usable, worker_name
from zoodiff.errors import StoreError, ZoodiffError
from zoodiff.latency import study_task as latency
from zoodiff.store.records import Failure
from zoodiff.study import names, serialization
from zoodiff.study.jobs.differences import compare_graphs, workers_needed
from zoodiff.study.jobs.explanations import explain
from zoodiff.study.jobs.recipes import audit_names
from zoodiff.tasks import Task
from zoodiff.zoos.registry import Entry

ROLES = {"architecture": "describe", "names": "describe", "latency": "run"}
"""Role of the workers of a task that is a single job, by its kind."""


def job_of(name: str, task: Task) -> Job:
    """Return the job of a task that is a single job; latency jobs run alone on their node."""
    zoos = dict.fromkeys(worker_name(entry.worker) for entry in task.entries)
    return Job(
        name,
        {"do": "task", "task": serialization.of_task(task)},
        tuple((zoo, ROLES[task.kind]) for zoo in zoos),
        alone=task.kind == "latency",
    )


def placeholder_of(name: str, task: Task) -> Job:
    """Return a job that stands for a divided task in the queue until it is cut into jobs.

    It keeps the workers running that the task needs.
    """
    return Job(name, {}, workers_needed(task) if task.kind == "difference" else ())


def work(
    pool: WorkerPool, data: Mapping[str, Any], send: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Run a job and return its result; entries that cannot be measured are failures in it.

    Raises StoreError if a record cannot be read or written.
    """
    run_part = _PARTS.get(data["do"])
    if run_part is not None:
        return run_part(pool, data, send)
    try:
        task = serialization.task_of(data["task"])
    except ZoodiffError as error:
        return serialization.of_product([], _failures_of_all(data["task"], str(error)))
    try:
        if task.kind == "latency":
            records, failures = latency.measure(pool, task, lambda k, of: send(Step(k, of)))
            return serialization.of_product(
                [(record, None) for record in records], failures, pool.known_versions
            )
        entry = task.entries[0]
        reason = usable(entry.worker)
        if reason is not None:
            return serialization.of_product([], [failure(task.kind, entry, reason)])
        measure = names.measure if task.kind == "names" else architecture.measure
        record = measure(pool, entry, task.key(entry))
        return serialization.of_product([(record, None)], (), pool.known_versions)
    except StoreError:
        raise
    except ZoodiffError as error:
        return serialization.of_product([], [failure(task.kind, task.entries[0], str(error))])


_PARTS = {
    "shard": do_shard,
    "difference": compare_graphs,
    "explain": explain,
    "recipes": audit_names,
}
"""Functions that run the jobs of divided tasks."""


def failure(kind: Any, entry: Entry, reason: str) -> Failure:
    """Return the failure of an entry that could not be measured, with the reason."""
    return Failure(
        kind=kind, entry=str(entry.ref), architecture=entry.model.architecture, reason=reason
    )


def _failures_of_all(plain: Mapping[str, Any], reason: str) -> list[Failure]:
    return [
        Failure(kind=plain["kind"], entry=entry["ref"], architecture=None, reason=reason)
        for entry in plain["entries"]
    ]
