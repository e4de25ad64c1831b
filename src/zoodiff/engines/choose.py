"""Choose and start the engine of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zoodiff.engines.base import Engine, Work
from zoodiff.engines.threads import LocalEngine
from zoodiff.entry import did_you_mean
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.workers.limits import Limits


@dataclass(frozen=True)
class Choice:
    """The name of an engine and its settings."""

    name: str = "local"
    jobs: int | None = None
    """Number of jobs at a time; None for the engine's default."""
    address: str | None = None
    """Address of a running cluster; None to start one for the run."""
    limits: Limits | None = None


def _local(choice: Choice, work: Work) -> Engine:
    if choice.address:
        raise UsageError("the engine local has no address; choose the cluster's with --engine ray")
    return LocalEngine(work, jobs=choice.jobs or 1, limits=choice.limits)


def _ray(choice: Choice, work: Work) -> Engine:
    from zoodiff.engines.ray import RayEngine

    return RayEngine(work, jobs=choice.jobs, address=choice.address, limits=choice.limits)


ENGINES: dict[str, Callable[[Choice, Work], Engine]] = {"local": _local, "ray": _ray}


def open_engine(choice: Choice, work: Work) -> Engine:
    """Start and return an engine.

    Raises UnknownNameError for an unknown name, UsageError for an address that the engine does not
    have or that no cluster answers at, MissingFrameworkError without Ray.
    """
    if choice.name not in ENGINES:
        hint = did_you_mean(choice.name, ENGINES) or f"; there are {', '.join(ENGINES)}"
        raise UnknownNameError(f'no engine "{choice.name}"{hint}')
    return ENGINES[choice.name](choice, work)
