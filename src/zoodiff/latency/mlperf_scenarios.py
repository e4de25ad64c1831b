"""Measure latency under load, in the scenarios of MLPerf Inference.

The worker generates the load (``zoodiff.workers.inside.scenarios``), with MLPerf's LoadGen if it is
installed. This module orders the entries and scenarios, and searches for the largest rate at which
a server answers within the latency bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import log, log2, sqrt
from typing import Any

from zoodiff.errors import ZoodiffError
from zoodiff.latency.subject import TimedEntry, load_request
from zoodiff.stats.intervals import Estimate, proportion
from zoodiff.workers import messages
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.limits import Limits
from zoodiff.workers.messages import LoadTested, ScenarioLoad

_BOUND_TIMES = 3.0
"""Default latency bound, as a multiple of the 90th percentile of the single stream."""
_NARROW = 1.05
"""The search ends when a rate that held and one that did not have at most this ratio."""
_FIRST = 0.5
"""First rate to try, as a share of the network's largest throughput."""
_LEAST = 1 / 64
"""Smallest rate to try, as a share of the network's largest throughput."""


@dataclass(frozen=True)
class Demand:
    """The settings of the load tests."""

    seconds: float = 5.0
    """Minimum duration of the single stream and of the offline scenario, each."""
    queries: int = 100
    """Minimum number of queries of the single stream."""
    offline_batch: int = 8
    server_batch: int = 1
    """Maximum number of waiting queries that one call processes together."""
    bound_ms: float | None = None
    """Latency bound of the server; None for three times the single stream's 90th percentile."""
    allowed: float = 0.01
    """Share of queries that may exceed the bound; 0.01 bounds the 99th percentile."""
    server_seconds: float = 60.0
    """Time per entry to search for the largest rate."""
    server_queries: int = 400
    """Queries per trial; if none of 400 is late, fewer than 1 % are late at the 95 % level."""
    generator: str = ""
    """``loadgen`` or ``own``; empty for LoadGen if it is installed, else ``own``."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """The result of one scenario."""

    generator: str
    """What generated the load: ``LoadGen`` and its version, or ``zoodiff``."""
    queries: int
    seconds: float
    images_per_second: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Trial:
    """The result of a server at one rate of queries."""

    rate: float
    """Queries per second."""
    outcome: Outcome
    late: int
    """Number of queries beyond the bound."""
    late_share: Estimate
    """Share of queries beyond the bound."""
    allowed: float
    """Share of queries that may be late."""

    @property
    def held(self) -> bool:
        """Whether the share of late queries is at most the allowed share."""
        return self.late_share.value <= self.allowed

    @property
    def shown(self) -> bool:
        """Whether the interval of the late share excludes the allowed share."""
        share = self.late_share
        return share.high <= self.allowed if self.held else share.low > self.allowed


@dataclass(frozen=True)
class Server:
    """The search for the largest rate within a latency bound."""

    bound_ms: float
    percentile: float
    """Percentile of the latency that must be within the bound; 99 if 1 % of queries may be late."""
    rate: float | None
    """The largest rate that held, in queries per second; None if no rate held."""
    trials: tuple[Trial, ...]
    note: str = ""
    """Why there is no rate, or why the search ended early."""


@dataclass(frozen=True)
class Scenarios:
    """All scenarios of one entry."""

    name: str
    entry: str
    threads: int
    conditions: Mapping[str, str]
    """Conditions by name, as the worker reported them when it loaded the network."""
    single_stream: Outcome
    offline: Outcome
    offline_batch: int
    server: Server

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the keys name the units, rates are per second."""
        server = self.server
        return {
            "name": self.name,
            "entry": self.entry,
            "threads": self.threads,
            "conditions": dict(self.conditions),
            "single_stream": vars(self.single_stream),
            "offline": {**vars(self.offline), "batch": self.offline_batch},
            "server": {
                "bound_ms": server.bound_ms,
                "percentile": server.percentile,
                "rate": server.rate,
                "note": server.note,
                "trials": [
                    {
                        "rate": trial.rate,
                        "held": trial.held,
                        "shown": trial.shown,
                        "late": trial.late,
                        "late_share": vars(trial.late_share),
                        **vars(trial.outcome),
                    }
                    for trial in server.trials
                ],
            },
        }


Ask = Callable[[ScenarioLoad], LoadTested]
"""Runs one load test of an entry and returns the worker's answer."""


def measure(
    subjects: Sequence[TimedEntry],
    demand: Demand,
    *,
    limits: Limits | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[list[Scenarios], list[tuple[TimedEntry, str]]]:
    """Measure every entry in every scenario, one at a time, in a random order per scenario.

    Returns the scenarios in the order of the entries, and the entries that failed with the reason.
    The batch sizes come from ``demand``; the batch of the entries' conditions is ignored.
    """
    import numpy as np

    rng = np.random.default_rng(demand.seed)
    failures: list[tuple[TimedEntry, str]] = []
    outcomes: dict[str, dict[str, Any]] = {subject.name: {} for subject in subjects}
    with ExitStack() as stack:
        running: dict[str, _Running] = {}
        steps = 3 * len(subjects)
        for subject in subjects:
            running[subject.name] = stack.enter_context(_Running(subject, limits, demand))
        for number, scenario in enumerate((_single_stream, _offline, _server)):
            for position, index in enumerate(rng.permutation(len(subjects))):
                subject = subjects[index]
                if any(subject is failed for failed, _ in failures):
                    continue
                try:
                    scenario(running[subject.name].ask, demand, outcomes[subject.name])
                except ZoodiffError as error:
                    failures.append((subject, str(error)))
                step(number * len(subjects) + position + 1, steps)
        alive = [
            subject for subject in subjects if all(subject is not failed for failed, _ in failures)
        ]
        results = [
            Scenarios(
                name=subject.name,
                entry=str(subject.entry.ref),
                threads=subject.conditions.threads,
                conditions=running[subject.name].conditions,
                offline_batch=demand.offline_batch,
                **outcomes[subject.name],
            )
            for subject in alive
        ]
    return results, failures


class _Running:
    """An entry in its own process, which is suspended while other entries are measured."""

    def __init__(self, subject: TimedEntry, limits: Limits | None, demand: Demand) -> None:
        self._subject, self._demand = subject, demand
        conditions = subject.conditions
        self._worker = WorkerClient(subject.entry.worker, threads=conditions.threads, limits=limits)
        self._generation = -1
        self.conditions: Mapping[str, str] = {}

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.close()

    def ask(self, load: ScenarioLoad) -> LoadTested:
        """Run a load test of the network; load it first if necessary."""
        subject, name = self._subject, self._subject.name
        self._worker.release()
        try:
            if not self._worker.holds(self._generation):
                loaded = self._worker.load(
                    load_request(subject, self._demand.seed), doing=f"loading {name}"
                )
                self.conditions, self._generation = loaded.scope, self._worker.generation
            return self._worker.load_test(
                messages.LoadTest(name, load, self._demand.generator),
                doing=f"measuring {name} in the scenario {load.scenario}",
            )
        finally:
            self._worker.hold()


def _single_stream(ask: Ask, demand: Demand, outcomes: dict[str, Any]) -> None:
    load = ScenarioLoad("single-stream", demand.seconds, demand.queries, seed=demand.seed)
    answer = ask(load)
    outcomes["single_stream"] = _outcome(answer)


def _offline(ask: Ask, demand: Demand, outcomes: dict[str, Any]) -> None:
    # The rate only determines the number of images.
    answer = ask(
        ScenarioLoad(
            "offline",
            seconds=demand.seconds,
            queries=demand.offline_batch,
            batch=demand.offline_batch,
            rate=outcomes["single_stream"].images_per_second,
            seed=demand.seed,
        )
    )
    outcomes["offline"] = _outcome(answer)


def _server(ask: Ask, demand: Demand, outcomes: dict[str, Any]) -> None:
    alone: Outcome = outcomes["single_stream"]
    bound = demand.bound_ms if demand.bound_ms is not None else _BOUND_TIMES * alone.p90_ms
    most = alone.images_per_second
    if demand.server_batch > 1:
        most = max(most, outcomes["offline"].images_per_second)
    outcomes["server"] = search(ask, demand, bound_ms=bound, most=most, alone=alone)


def search(ask: Ask, demand: Demand, *, bound_ms: float, most: float, alone: Outcome) -> Server:
    """Find the largest rate of queries within a latency bound, by bisection of its logarithm.

    ``most`` is the network's largest throughput in queries per second, ``alone`` its single stream.
    A rate holds if the share of late queries is at most ``demand.allowed``. The search ends when a
    rate that held and one that did not are within a factor of 1.05, or before a trial that would
    take longer than the remaining time.
    """
    percentile = 100 * (1 - demand.allowed)
    if alone.p50_ms > bound_ms:
        note = f"a single query takes {alone.p50_ms:.3g} ms, longer than {bound_ms:.3g} ms"
        return Server(bound_ms, percentile, None, (), note)
    trials: list[Trial] = []
    low, high, rate, note = 0.0, most, most * _FIRST, ""
    begin = time.monotonic()
    while True:
        takes = demand.server_queries / rate
        left = demand.server_seconds - (time.monotonic() - begin)
        if takes > left:
            note = _out_of_time(trials, takes, low, high, demand)
            break
        trials.append(_trial(ask, demand, bound_ms, rate, len(trials)))
        if trials[-1].held:
            low = rate
        else:
            high = rate
        if low and high / low <= _NARROW:
            break
        rate = sqrt(low * high) if low else high * _FIRST
        if rate < most * _LEAST:
            note = f"not even {high:.3g} queries a second are answered in time"
            break
    return Server(bound_ms, percentile, low or None, tuple(trials), note)


def _trial(ask: Ask, demand: Demand, bound_ms: float, rate: float, number: int) -> Trial:
    answer = ask(
        ScenarioLoad(
            "server",
            seconds=demand.server_queries / rate,
            queries=demand.server_queries,
            batch=demand.server_batch,
            rate=rate,
            bound_ms=bound_ms,
            allowed=demand.allowed,
            seed=demand.seed + number,
        )
    )
    late_share = proportion(answer.late, answer.queries)
    return Trial(rate, _outcome(answer), answer.late, late_share, demand.allowed)


def _out_of_time(
    trials: Sequence[Trial], takes: float, low: float, high: float, demand: Demand
) -> str:
    if not trials:
        return (
            f"one trial of {demand.server_queries} queries takes {takes:.1f} s, more than the "
            f"{demand.server_seconds:.3g} s of the search; allow about {8 * takes:.0f} s"
        )
    if not low:
        return f"time spent; below {high:.3g} queries a second a trial takes {takes:.1f} s"
    more = max(1, round(log2(log(high / low) / log(_NARROW))))
    return (
        f"time spent; between {low:.3g} and {high:.3g} queries a second, which {more} more "
        f"trials of {takes:.1f} s would narrow to 5 %"
    )


def _outcome(answer: LoadTested) -> Outcome:
    latency = answer.latency_ms
    return Outcome(
        generator=answer.generator,
        queries=answer.queries,
        seconds=answer.seconds,
        images_per_second=answer.images_per_second,
        mean_ms=latency.mean,
        p50_ms=latency.p50,
        p90_ms=latency.p90,
        p99_ms=latency.p99,
    )
