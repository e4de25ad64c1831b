"""Optional latency measurements: cold start, batch sweep, MLPerf scenarios, environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoodiff.engines.pool import WorkerPool
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
class LatencyExtras:
    """The optional measurements that were requested, and their limits."""

    cold: bool = False
    batches: tuple[int, ...] = ()
    threads: tuple[int, ...] = (1,)
    """Thread counts of the sweep over ``batches``."""
    scenarios: bool = False
    bound_ms: float | None = None
    environment: bool = False
    processes: int = 5
    seconds: float = 60.0
    """Limit of the measuring time per kind of measurement."""
    seed: int = 0


@dataclass(frozen=True)
class ExtraResults:
    """Results of the optional measurements; empty where none was requested."""

    cold: list[cold.Cold] = field(default_factory=list)
    sweep: Sweep | None = None
    scenarios: list[scenarios.Scenarios] = field(default_factory=list)
    environment: Environment | None = None
    failures: dict[str, str] = field(default_factory=dict)
    """Reasons by entry name."""

    def findings(self) -> Iterator[LatencyFinding]:
        """Yield the findings of these measurements."""
        yield from latency_findings.cold_starts(self.cold)
        if self.sweep is not None:
            yield from latency_findings.rank_changes(self.sweep)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; only requested measurements have a key."""
        values: dict[str, Any] = {}
        if self.cold:
            values["cold"] = [result.to_dict() for result in self.cold]
        if self.sweep is not None:
            values["sweep"] = self.sweep.to_dict()
        if self.scenarios:
            values["scenarios"] = [result.to_dict() for result in self.scenarios]
        if self.environment is not None:
            values["environment"] = self.environment.to_dict()
        return values


def measure_extras(
    pool: WorkerPool,
    subjects: Sequence[TimedEntry],
    extras: LatencyExtras,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> ExtraResults:
    """Run the requested measurements one after the other.

    ``step`` is called with the steps done, and of how many. Raises the ZoodiffError of a worker
    whose environment cannot be read; an entry that cannot be measured becomes a failure.
    """
    failures: dict[str, str] = {}
    cold_starts: list[cold.Cold] = []
    served: list[scenarios.Scenarios] = []
    swept: Sweep | None = None
    if extras.cold:
        cold_starts, failed = cold.measure(
            subjects,
            processes=extras.processes,
            seed=extras.seed,
            limits=pool.limits,
            step=step,
        )
        failures |= {subject.name: reason for subject, reason in failed}
    if extras.batches:
        grid = sweep.Grid(
            batches=extras.batches, threads=extras.threads, seconds=extras.seconds, seed=extras.seed
        )
        swept = sweep.measure(subjects, grid, limits=pool.limits, step=step)
    if extras.scenarios:
        demand = scenarios.Demand(
            bound_ms=extras.bound_ms, server_seconds=extras.seconds, seed=extras.seed
        )
        served, failed = scenarios.measure(subjects, demand, limits=pool.limits, step=step)
        failures |= {subject.name: reason for subject, reason in failed}
    machine = None
    if extras.environment:
        zoos = [subject.entry.worker for subject in subjects]
        machine = environment_of(pool, zoos, threads=subjects[0].conditions.threads)
    return ExtraResults(cold_starts, swept, served, machine, failures)
