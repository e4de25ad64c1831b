"""Run one job in a slot, from plain data to plain data."""

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
from zoodiff.study import serialization
from zoodiff.study.explanations import explain
from zoodiff.tasks import Task
from zoodiff.zoos.registry import Entry

ROLES = {"architecture": "describe", "latency": "run"}
"""Roles of the workers that tasks of one job use."""


def job_of(name: str, task: Task) -> Job:
    """The job of a task that is one job; latency is measured while nothing else runs."""
    zoos = dict.fromkeys(worker_name(entry.worker) for entry in task.entries)
    return Job(
        name,
        {"do": "task", "task": serialization.of_task(task)},
        tuple((zoo, ROLES[task.kind]) for zoo in zoos),
        alone=task.kind == "latency",
    )


def work(
    pool: WorkerPool, data: Mapping[str, Any], say: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Do a job; what cannot be measured is a failure with its reason."""
    part = _PARTS.get(data["do"])
    if part is not None:
        return part(pool, data, say)
    try:
        task = serialization.task_of(data["task"])
    except ZoodiffError as error:
        return serialization.of_product([], _unknown(data["task"], str(error)))
    try:
        if task.kind == "latency":
            records, failures = latency.measure(pool, task, lambda k, of: say(Step(k, of)))
            return serialization.of_product(
                [(one, None) for one in records], failures, pool.known_versions
            )
        entry = task.entries[0]
        reason = usable(entry.worker)
        if reason is not None:
            return serialization.of_product([], [failure(task.kind, entry, reason)])
        record = architecture.measure(pool, entry, task.key(entry))
        return serialization.of_product([(record, None)], (), pool.known_versions)
    except StoreError:
        raise
    except ZoodiffError as error:
        return serialization.of_product([], [failure(task.kind, task.entries[0], str(error))])


_PARTS = {"shard": do_shard, "explain": explain}
"""Jobs of tasks that are done in parts."""


def failure(kind: Any, entry: Entry, reason: str) -> Failure:
    """An entry that could not be measured, and why."""
    return Failure(
        kind=kind, entry=str(entry.ref), architecture=entry.model.architecture, reason=reason
    )


def _unknown(plain: Mapping[str, Any], reason: str) -> list[Failure]:
    return [
        Failure(kind=plain["kind"], entry=one["ref"], architecture=None, reason=reason)
        for one in plain["entries"]
    ]
