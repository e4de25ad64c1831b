"""The engine protocol: slots that run jobs, on this or other machines.

Jobs and their results are plain data. An engine gets the function that runs a job when it is
opened, and calls it inside a slot, with the slot's own workers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoodiff.engines.pool import WorkerPool

Affinity = tuple[str, str]
"""The zoo and role of a worker that a job needs; a slot in which it already runs starts none."""


@dataclass(frozen=True)
class Job:
    """One piece of work."""

    name: str
    """Unique in a run."""
    data: Mapping[str, Any] = field(repr=False)
    """Argument of the work function: strings, numbers, bytes, lists and dictionaries."""
    needs: tuple[Affinity, ...] = ()
    alone: bool = False
    """Whether the job is exclusive: no other job may run on the same node meanwhile."""


@dataclass(frozen=True)
class Slot:
    """A place of an engine that runs one job at a time."""

    number: int
    node: str


@dataclass(frozen=True)
class Step:
    """Progress of a job: ``done`` steps of ``of``."""

    done: int
    of: int


@dataclass(frozen=True)
class Partial:
    """A result that a job returns before its end."""

    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class End:
    """The end of a job, with its result or the exception of the work function."""

    data: Mapping[str, Any] = field(repr=False)
    error: BaseException | None = None


@dataclass(frozen=True)
class Lost:
    """A job was lost with its slot: the process or its node is gone."""

    reason: str


Message = Step | Partial | End | Lost
Work = Callable[[WorkerPool, Mapping[str, Any], Callable[[Step | Partial], None]], Any]
"""Runs a job: called with the slot's workers, the job's data and a function that sends progress
and partial results; returns plain data."""


class Engine(Protocol):
    """Runs jobs in slots; only one thread may use it."""

    name: str
    cores: int
    """Number of cores that a job in a slot may use."""

    def slots(self) -> Sequence[Slot]:
        """Return all current slots, busy or free; raise MeasurementError if there is none."""
        ...

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        """Start a job in a free slot; end the slot's other workers unless they are kept.

        An exclusive job may only be started when all slots of its node are free; the engine
        reserves the node for it.
        """
        ...

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        """Return the messages of slots within this time; ``End`` and ``Lost`` free a slot."""
        ...

    def close(self) -> None:
        """End all jobs and the processes that were started for them."""
        ...
