"""What a latency measurement asks for, as the conditions that its records are found by.

A study and ``zoodiff latency`` both take the conditions of their records from here, so each finds
what the other measured of the same entries in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.latency.benchmark import Effort
from zoodiff.latency.conditions import Scope
from zoodiff.store.folder import Store
from zoodiff.store.records import LatencyValues, Record
from zoodiff.tasks import Task
from zoodiff.zoos.registry import Entry

NamedRecord = tuple[str, Record]
"""A record with its name below ``records``."""


def fixed_effort(
    *, processes: int, rounds: int, block_ms: float, seconds: float, seed: int
) -> Effort:
    """Return the effort of a stated number of rounds in a stated number of processes."""
    return Effort(
        seconds=seconds,
        processes=processes,
        most_processes=processes,
        rounds=rounds,
        block_ms=block_ms,
        seed=seed,
    )


def task_of(entries: Sequence[Entry], scope: Scope, effort: Effort) -> Task:
    """Return the task that times these entries in turns, each as the scope says."""
    return Task("latency", tuple(entries), conditions_of(scope, effort))


def conditions_of(scope: Scope, effort: Effort) -> tuple[tuple[str, Any], ...]:
    """Return everything that shapes a latency, and how much of it is measured.

    A stated number of rounds in a stated number of processes is measured whatever the target is.
    """
    fixed = effort.rounds is not None and effort.most_processes <= effort.processes
    return (
        ("batch", scope.batch),
        ("threads", scope.threads),
        ("mode", scope.mode),
        ("pause_ms", float(scope.pause_ms)),
        ("processes", effort.processes),
        ("most_processes", max(effort.processes, effort.most_processes)),
        ("rounds", effort.rounds),
        ("block_ms", float(effort.block_ms)),
        ("target_percent", None if fixed else float(effort.target_percent)),
        ("max_seconds", float(effort.seconds)),
        ("seed", effort.seed),
    )


def scope_of(conditions: Mapping[str, Any]) -> Scope:
    """Return the scope that conditions were made of."""
    return Scope(
        batch=conditions["batch"],
        threads=conditions["threads"],
        mode=conditions["mode"],
        pause_ms=conditions["pause_ms"],
    )


def effort_of(conditions: Mapping[str, Any]) -> Effort:
    """Return the effort that conditions were made of."""
    target = conditions["target_percent"]
    return Effort(
        seconds=conditions["max_seconds"],
        processes=conditions["processes"],
        most_processes=conditions["most_processes"],
        rounds=conditions["rounds"],
        block_ms=conditions["block_ms"],
        target_percent=Effort.target_percent if target is None else target,
        seed=conditions["seed"],
    )


@dataclass(frozen=True)
class RunKeys:
    """The keys of the records of one interleaved run."""

    entries: tuple[str, ...]
    """Of what is compared, each."""
    controls: tuple[str, ...]
    """Of the copies that may serve as A/A control; one that is there is enough."""

    @classmethod
    def of(cls, parts: Sequence[tuple[Task, Entry]]) -> RunKeys:
        """Return the keys of entries, each as its task measures it."""
        return cls(
            tuple(task.key(entry) for task, entry in parts),
            tuple(task.key(entry, repeat=1) for task, entry in parts),
        )


def newest_run(store: Store, keys: RunKeys, *, again: bool = False) -> list[NamedRecord] | None:
    """Return the newest records that were measured in one run, with its controls.

    None where no run has all of them: entries are only comparable within one run, and without a
    control no difference would count. ``again`` looks for what others have written since the store
    was listed.
    """
    entries = [_by_run(store, key, again) for key in keys.entries]
    controls = [_by_run(store, key, again) for key in keys.controls]
    whole = set.intersection(*map(set, entries)) & {run for found in controls for run in found}
    if not whole:
        return None
    newest = max(whole, key=lambda run: (entries[0][run][1].finished, run))
    return [found[newest] for found in (*entries, *controls) if newest in found]


def _by_run(store: Store, key: str, again: bool) -> dict[str, NamedRecord]:
    """The records of a key by the run that they were measured in, the newest of each."""
    return {
        record.values.group: (name, record)
        for name, record in reversed(store.find_named("latency", key, again=again))
        if isinstance(record.values, LatencyValues)
    }
