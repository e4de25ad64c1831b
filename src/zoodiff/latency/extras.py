"""What is measured of latency beside the ratios, where it is asked for: one call for all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoodiff.engines.local import LocalEngine
from zoodiff.host.environment import Environment
from zoodiff.host.environment import environment as environment_of
from zoodiff.latency import cold_start as cold
from zoodiff.latency import findings as latency_findings
from zoodiff.latency import mlperf_scenarios as scenarios
from zoodiff.latency import sweep
from zoodiff.latency.findings import LatencyFinding
from zoodiff.latency.subject import TimedEntry
from zoodiff.latency.sweep_result import Sweep


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    cold: bool = False
    batches: tuple[int, ...] = ()
    threads: tuple[int, ...] = (1,)
    """Of the sweep over ``batches``."""
    scenarios: bool = False
    bound_ms: float | None = None
    environment: bool = False
    processes: int = 5
    seconds: float = 60.0
    """For each kind, at most."""
    seed: int = 0


@dataclass(frozen=True)
class More:
    """What was measured; empty where it was not asked for."""

    cold: list[cold.Cold] = field(default_factory=list)
    sweep: Sweep | None = None
    scenarios: list[scenarios.Scenarios] = field(default_factory=list)
    environment: Environment | None = None
    failures: dict[str, str] = field(default_factory=dict)
    """Reasons, by entry."""

    def findings(self) -> Iterator[LatencyFinding]:
        """What follows from it, by rule."""
        yield from latency_findings.cold_starts(self.cold)
        if self.sweep is not None:
            yield from latency_findings.rank_changes(self.sweep)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; only what was asked for."""
        found: dict[str, Any] = {}
        if self.cold:
            found["cold"] = [one.to_dict() for one in self.cold]
        if self.sweep is not None:
            found["sweep"] = self.sweep.to_dict()
        if self.scenarios:
            found["scenarios"] = [one.to_dict() for one in self.scenarios]
        if self.environment is not None:
            found["environment"] = self.environment.to_dict()
        return found


def more(
    engine: LocalEngine,
    subjects: Sequence[TimedEntry],
    wanted: Wanted,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> More:
    """Measure what is asked for, one kind after the other."""
    failures: dict[str, str] = {}
    cold_starts: list[cold.Cold] = []
    served: list[scenarios.Scenarios] = []
    swept: Sweep | None = None
    if wanted.cold:
        cold_starts, failed = cold.measure(
            subjects,
            processes=wanted.processes,
            seed=wanted.seed,
            limits=engine.limits,
            step=step,
        )
        failures |= {one.name: reason for one, reason in failed}
    if wanted.batches:
        grid = sweep.Grid(
            batches=wanted.batches, threads=wanted.threads, seconds=wanted.seconds, seed=wanted.seed
        )
        swept = sweep.measure(subjects, grid, limits=engine.limits, step=step)
    if wanted.scenarios:
        demand = scenarios.Demand(
            bound_ms=wanted.bound_ms, server_seconds=wanted.seconds, seed=wanted.seed
        )
        served, failed = scenarios.measure(subjects, demand, limits=engine.limits, step=step)
        failures |= {one.name: reason for one, reason in failed}
    machine = None
    if wanted.environment:
        zoos = [one.entry.worker for one in subjects]
        machine = environment_of(engine, zoos, threads=subjects[0].conditions.threads)
    return More(cold_starts, swept, served, machine, failures)
