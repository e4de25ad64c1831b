"""Latency under load, in the scenarios of MLPerf Inference.

The worker makes the load itself (``zoodiff.workers.inside.scenarios``), by MLPerf's LoadGen where
it is installed. Here is what goes around it: who is asked in which order, and the search for the
largest rate at which a server still answers in time.
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
"""The bound where none is given: so many times the 90th percentile of the single stream."""
_NARROW = 1.05
"""Ratio of two rates, one held and one not, at which the search ends."""
_FIRST = 0.5
"""First rate that is tried, as a share of what the network can do at most."""
_LEAST = 1 / 64
"""Share of what it can do at most below which no rate is tried."""


@dataclass(frozen=True)
class Demand:
    """The settings of the load tests."""

    seconds: float = 5.0
    """Least duration of the single stream and of the offline scenario, each."""
    queries: int = 100
    """Least number of queries of the single stream."""
    offline_batch: int = 8
    server_batch: int = 1
    """Waiting queries that one call may take together."""
    bound_ms: float | None = None
    """Latency within which a server answers; None for three times the single stream's p90."""
    allowed: float = 0.01
    """Share of queries that may be later: 0.01 asks for the 99th percentile."""
    server_seconds: float = 60.0
    """Time for the search of the largest rate, of each entry."""
    server_queries: int = 400
    """Least number of queries of one trial: 400 without a late one show that fewer than 1 % are."""
    generator: str = ""
    """``loadgen`` or ``own``; empty for LoadGen where it is installed."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """The result of one scenario."""

    generator: str
    """Who made the load: ``LoadGen`` and its version, or ``zoodiff``."""
    queries: int
    seconds: float
    images_per_second: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Trial:
    """One rate that a server was tried at."""

    rate: float
    """Queries a second."""
    outcome: Outcome
    late: int
    """Queries beyond the bound."""
    late_share: Estimate
    allowed: float
    """Share that may be late."""

    @property
    def held(self) -> bool:
        """Whether the share of late queries is within the bound."""
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
    """Of the latency that must be within the bound, 99 for one late query in a hundred."""
    rate: float | None
    """The largest rate that held, queries a second; None where none did."""
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
    """What is measured, as loading tells it."""
    single_stream: Outcome
    offline: Outcome
    offline_batch: int
    server: Server

    def to_dict(self) -> dict[str, Any]:
        """Plain values; milliseconds, seconds, a second."""
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
                        "rate": one.rate,
                        "held": one.held,
                        "shown": one.shown,
                        "late": one.late,
                        "late_share": vars(one.late_share),
                        **vars(one.outcome),
                    }
                    for one in server.trials
                ],
            },
        }


Ask = Callable[[ScenarioLoad], LoadTested]
"""Runs a load test of an entry."""


def measure(
    subjects: Sequence[TimedEntry],
    demand: Demand,
    *,
    limits: Limits | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[list[Scenarios], list[tuple[TimedEntry, str]]]:
    """Measure every entry in every scenario, one at a time, in an order drawn afresh.

    Returns what was measured, in the order of the entries, and those that failed with their
    reason. The batch of their conditions is not used.
    """
    import numpy as np

    rng = np.random.default_rng(demand.seed)
    failures: list[tuple[TimedEntry, str]] = []
    found: dict[str, dict[str, Any]] = {one.name: {} for one in subjects}
    with ExitStack() as stack:
        running: dict[str, _Running] = {}
        steps = 3 * len(subjects)
        for one in subjects:
            running[one.name] = stack.enter_context(_Running(one, limits, demand))
        for number, scenario in enumerate((_single_stream, _offline, _server)):
            for position, index in enumerate(rng.permutation(len(subjects))):
                one = subjects[index]
                if any(one is failed for failed, _ in failures):
                    continue
                try:
                    scenario(running[one.name].ask, demand, found[one.name])
                except ZoodiffError as error:
                    failures.append((one, str(error)))
                step(number * len(subjects) + position + 1, steps)
        alive = [one for one in subjects if all(one is not failed for failed, _ in failures)]
        results = [
            Scenarios(
                name=one.name,
                entry=str(one.entry.ref),
                threads=one.conditions.threads,
                conditions=running[one.name].conditions,
                offline_batch=demand.offline_batch,
                **found[one.name],
            )
            for one in alive
        ]
    return results, failures


class _Running:
    """An entry in its own process, suspended while others are measured."""

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
        one, name = self._subject, self._subject.name
        self._worker.release()
        try:
            if not self._worker.holds(self._generation):
                loaded = self._worker.load(
                    load_request(one, self._demand.seed), doing=f"loading {name}"
                )
                self.conditions, self._generation = loaded.scope, self._worker.generation
            return self._worker.load_test(
                messages.LoadTest(name, load, self._demand.generator),
                doing=f"measuring {name} in the scenario {load.scenario}",
            )
        finally:
            self._worker.hold()


def _single_stream(ask: Ask, demand: Demand, found: dict[str, Any]) -> None:
    load = ScenarioLoad("single-stream", demand.seconds, demand.queries, seed=demand.seed)
    answer = ask(load)
    found["single_stream"] = _outcome(answer)


def _offline(ask: Ask, demand: Demand, found: dict[str, Any]) -> None:
    # The rate is only for choosing how many images there are.
    answer = ask(
        ScenarioLoad(
            "offline",
            seconds=demand.seconds,
            queries=demand.offline_batch,
            batch=demand.offline_batch,
            rate=found["single_stream"].images_per_second,
            seed=demand.seed,
        )
    )
    found["offline"] = _outcome(answer)


def _server(ask: Ask, demand: Demand, found: dict[str, Any]) -> None:
    alone: Outcome = found["single_stream"]
    bound = demand.bound_ms if demand.bound_ms is not None else _BOUND_TIMES * alone.p90_ms
    most = alone.images_per_second
    if demand.server_batch > 1:
        most = max(most, found["offline"].images_per_second)
    found["server"] = search(ask, demand, bound_ms=bound, most=most, alone=alone)


def search(ask: Ask, demand: Demand, *, bound_ms: float, most: float, alone: Outcome) -> Server:
    """Find the largest rate of queries within a latency bound, by bisection of its logarithm.

    ``most`` is the rate that the network can reach at all, ``alone`` its single stream. A rate
    holds where the share of late queries is no larger than allowed. The search ends where two rates
    a factor of 1.05 apart are one held and one not, or before a trial that its time does not allow.
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
            f"{demand.server_seconds:.3g} s that the search may; allow about {8 * takes:.0f} s"
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
