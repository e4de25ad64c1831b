"""The engine protocol: slots that run jobs, on this or other machines.

A job is plain data, and so is what comes back. The function that does jobs is given to the engine
when it is opened; it is called inside a slot, with the slot's own workers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoodiff.engines.pool import WorkerPool

Affinity = tuple[str, str]
"""A zoo and a role: which worker a job needs; one that runs already need not be started."""


@dataclass(frozen=True)
class Job:
    """One piece of work."""

    name: str
    """Unique in a run."""
    data: Mapping[str, Any] = field(repr=False)
    """What the work function is given: strings, numbers, bytes, lists and dictionaries."""
    needs: tuple[Affinity, ...] = ()
    alone: bool = False
    """Whether nothing else may run on the same node meanwhile."""


@dataclass(frozen=True)
class Slot:
    """A place in which one job is done at a time."""

    number: int
    node: str


@dataclass(frozen=True)
class Step:
    """So much of a job is done."""

    done: int
    of: int


@dataclass(frozen=True)
class Partial:
    """Something that a job has finished before its end."""

    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class End:
    """A finished job; ``error`` is an exception of the work function, which is a bug."""

    data: Mapping[str, Any] = field(repr=False)
    error: BaseException | None = None


@dataclass(frozen=True)
class Lost:
    """A job was lost with its slot: the process or its node is gone."""

    reason: str


Message = Step | Partial | End | Lost
Work = Callable[[WorkerPool, Mapping[str, Any], Callable[[Step | Partial], None]], Any]
"""Does a job with a slot's workers; returns plain data, and tells of steps and parts meanwhile."""


class Engine(Protocol):
    """Slots, and a way of having jobs done in them. Not to be used by two threads at once."""

    name: str
    cores: int
    """How many a job in a slot may use."""

    def slots(self) -> Sequence[Slot]:
        """Return all current slots, busy or free; raise MeasurementError if there is none."""
        ...

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        """Start a job in a free slot; end the slot's other workers unless they are kept.

        A job that is to be alone is started only when all slots of its node are free; the engine
        sees to it that nobody else gets the node either.
        """
        ...

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        """Return the messages of slots within this time; ``End`` and ``Lost`` free a slot."""
        ...

    def close(self) -> None:
        """End all jobs and the processes that were started for them."""
        ...
