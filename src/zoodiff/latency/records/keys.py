"""Find latency records by the settings that they were measured with.

A study and ``zoodiff latency`` both build the keys of their records here, so each reuses the
records of the other for the same entries and settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoodiff.latency.benchmark import Budget
from zoodiff.latency.conditions import Conditions
from zoodiff.store.folder import Store
from zoodiff.store.records import LatencyValues, Record
from zoodiff.tasks import Task
from zoodiff.zoos.registry import Entry

NamedRecord = tuple[str, Record]
"""A record with its name below ``records``."""


def fixed_budget(
    *, processes: int, rounds: int, block_ms: float, seconds: float, seed: int
) -> Budget:
    """Return the budget of a stated number of rounds in a stated number of processes."""
    return Budget(
        seconds=seconds,
        processes=processes,
        most_processes=processes,
        rounds=rounds,
        block_ms=block_ms,
        seed=seed,
    )


def task_of(entries: Sequence[Entry], conditions: Conditions, budget: Budget) -> Task:
    """Return the task that times these entries in one run, under the same conditions."""
    return Task("latency", tuple(entries), settings_of(conditions, budget))


def settings_of(conditions: Conditions, budget: Budget) -> tuple[tuple[str, Any], ...]:
    """Return the conditions and the budget as the settings of a task, which form its keys.

    The target precision is None if the numbers of rounds and processes are fixed, since it then
    has no effect.
    """
    fixed = budget.rounds is not None and budget.most_processes <= budget.processes
    # Left out where it is not set, so that records of versions without it keep their keys.
    stops_early = () if budget.least_rounds is None else (("least_rounds", budget.least_rounds),)
    return (
        ("batch", conditions.batch),
        ("threads", conditions.threads),
        ("mode", conditions.mode),
        ("pause_ms", float(conditions.pause_ms)),
        ("processes", budget.processes),
        ("most_processes", max(budget.processes, budget.most_processes)),
        ("rounds", budget.rounds),
        ("block_ms", float(budget.block_ms)),
        ("target_percent", None if fixed else float(budget.target_percent)),
        ("max_seconds", float(budget.seconds)),
        ("seed", budget.seed),
        *stops_early,
    )


def conditions_of(settings: Mapping[str, Any]) -> Conditions:
    """Return the conditions from the settings of a task; inverse of ``settings_of``."""
    return Conditions(
        batch=settings["batch"],
        threads=settings["threads"],
        mode=settings["mode"],
        pause_ms=settings["pause_ms"],
    )


def budget_of(settings: Mapping[str, Any]) -> Budget:
    """Return the budget from the settings of a task; inverse of ``settings_of``."""
    target = settings["target_percent"]
    return Budget(
        seconds=settings["max_seconds"],
        processes=settings["processes"],
        most_processes=settings["most_processes"],
        rounds=settings["rounds"],
        least_rounds=settings.get("least_rounds"),
        block_ms=settings["block_ms"],
        target_percent=Budget.target_percent if target is None else target,
        seed=settings["seed"],
    )


WHOLE, STRIPPED = 2, 3
"""``repeat`` in records of runs in the reference runtime: of the whole network, and without the
pre/post-processing that only it has inside."""


def with_references(task: Task, *, layers: bool = False) -> Task:
    """Return a latency task that also times the networks in the reference runtime.

    With ``layers``, the layers of each two networks are timed there too.
    """
    more = ((_LAYERS, True),) if layers else ()
    return replace(task, conditions=(*task.conditions, (_REFERENCES, True), *more))


def has_references(task: Task) -> bool:
    """Return whether a latency task also times the networks in the reference runtime."""
    return bool(task.settings.get(_REFERENCES))


def has_layers(task: Task) -> bool:
    """Return whether a latency task also times layers in the reference runtime."""
    return bool(task.settings.get(_LAYERS))


_REFERENCES = "reference_runs"
_LAYERS = "layers"


@dataclass(frozen=True)
class RunKeys:
    """The keys of the records of one interleaved run."""

    entries: tuple[str, ...]
    """Keys of the compared entries; all must have a record."""
    controls: tuple[str, ...]
    """Keys of the A/A controls of these entries; one of them must have a record."""
    references: tuple[str, ...] = ()
    """Keys of runs in the reference runtime; those that exist belong to the run."""

    @classmethod
    def of(cls, parts: Sequence[tuple[Task, Entry]]) -> RunKeys:
        """Return the keys of entries, each under the settings of its task."""
        return cls(
            tuple(task.key(entry) for task, entry in parts),
            tuple(task.key(entry, repeat=1) for task, entry in parts),
            tuple(
                task.key(entry, repeat)
                for task, entry in parts
                if has_references(task)
                for repeat in (WHOLE, STRIPPED)
            ),
        )


def newest_run(store: Store, keys: RunKeys, *, again: bool = False) -> list[NamedRecord] | None:
    """Return the records of the newest run with all entries and a control; the entries are first.

    Returns None if there is no such run: entries are only comparable within one run, and without
    a control no difference counts. With ``again``, records that other processes wrote since the
    store was listed are included.
    """
    entries = [_by_run(store, key, again) for key in keys.entries]
    controls = [_by_run(store, key, again) for key in keys.controls]
    references = [_by_run(store, key, again) for key in keys.references]
    whole = set.intersection(*map(set, entries)) & {run for by_run in controls for run in by_run}
    if not whole:
        return None
    newest = max(whole, key=lambda run: (entries[0][run][1].finished, run))
    members = (*entries, *controls, *references)
    return [by_run[newest] for by_run in members if newest in by_run]


def _by_run(store: Store, key: str, again: bool) -> dict[str, NamedRecord]:
    """Return the records of a key by the run that measured them, the newest per run."""
    return {
        record.values.group: (name, record)
        for name, record in reversed(store.find_named("latency", key, again=again))
        if isinstance(record.values, LatencyValues)
    }
