import json

import numpy as np
import pytest

from zoodiff.engines.pool import usable
from zoodiff.latency import mlperf_scenarios
from zoodiff.latency.mlperf_scenarios import Demand, Outcome
from zoodiff.latency.subject import TimedEntry
from zoodiff.workers.limits import Limits
from zoodiff.workers.messages import LoadTested, Percentiles, ScenarioLoad
from zoodiff.zoos import registry
from zoodiff.zoos.base import Entry, Model
from zoodiff.zoos.mini.catalogue import TORCH

ALONE = Outcome("x", 100, 1.0, 100.0, 10.0, 10.0, 10.0, 10.0)
"""A network that takes 10 ms."""


class Queue:
    """A single server of 10 ms a query, simulated; time passes on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[float] = []

    def __call__(self, load: ScenarioLoad) -> LoadTested:
        rng = np.random.default_rng(load.seed)
        arrivals = np.cumsum(rng.exponential(1 / load.rate, load.queries))
        free, latencies = 0.0, []
        for arrival in arrivals:
            free = max(free, arrival) + 0.010
            latencies.append((free - arrival) * 1e3)
        self.now += free
        self.asked.append(load.rate)
        late = sum(one > load.bound_ms for one in latencies)
        quantiles = np.quantile(latencies, (0.5, 0.9, 0.99))
        return LoadTested(
            generator="simulated",
            queries=len(latencies),
            images=len(latencies),
            seconds=free,
            images_per_second=len(latencies) / free,
            latency_ms=Percentiles(float(np.mean(latencies)), *map(float, quantiles)),
            late=late,
        )


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Queue:
    found = Queue()
    monkeypatch.setattr(mlperf_scenarios.time, "monotonic", lambda: found.now)
    return found


def test_the_search_brackets_the_largest_rate_to_five_percent(line) -> None:
    """The truth by simulation of 400,000 queries on both sides of what is found."""
    demand = Demand(server_seconds=1e9, server_queries=20_000)
    found = mlperf_scenarios.search(line, demand, bound_ms=40, most=100, alone=ALONE)
    assert found.rate is not None
    assert found.note == ""
    assert found.percentile == pytest.approx(99)

    def share(rate: float) -> float:
        load = ScenarioLoad("server", 0.0, 400_000, rate=rate, bound_ms=40, seed=99)
        answer = Queue()(load)
        return answer.late / answer.queries

    assert share(found.rate * 0.92) < 0.01 < share(found.rate * 1.13)
    held = [one.rate for one in found.trials if one.held]
    assert found.rate == max(held)
    assert all(one.rate > found.rate for one in found.trials if not one.held)


def test_a_bound_below_a_single_query_holds_at_no_rate(line) -> None:
    found = mlperf_scenarios.search(line, Demand(), bound_ms=5, most=100, alone=ALONE)
    assert found.rate is None
    assert found.trials == ()
    assert found.note == "a single query takes 10 ms, longer than 5 ms"


def test_a_bound_that_any_waiting_breaks_ends_the_search(line) -> None:
    demand = Demand(server_seconds=1e9, server_queries=2000)
    found = mlperf_scenarios.search(line, demand, bound_ms=10.001, most=100, alone=ALONE)
    assert found.rate is None
    assert "queries a second are answered in time" in found.note


def test_too_little_time_for_one_trial_says_what_it_would_take(line) -> None:
    demand = Demand(server_seconds=2, server_queries=400)
    found = mlperf_scenarios.search(line, demand, bound_ms=40, most=100, alone=ALONE)
    assert found.rate is None
    assert found.note == (
        "one trial of 400 queries takes 8.0 s, more than the 2 s of the search; allow about 64 s"
    )
    assert line.asked == []


def test_time_that_ends_the_search_is_said_with_what_more_would_give(line) -> None:
    demand = Demand(server_seconds=20, server_queries=400)
    found = mlperf_scenarios.search(line, demand, bound_ms=40, most=100, alone=ALONE)
    assert found.rate is not None
    assert found.note.startswith("time spent; between ")
    assert "more trials of" in found.note


def test_a_trial_says_whether_its_number_of_queries_shows_it(line) -> None:
    few = mlperf_scenarios.search(
        line, Demand(server_seconds=1e9, server_queries=50), bound_ms=40, most=100, alone=ALONE
    )
    assert not any(one.shown for one in few.trials if one.held)
    many = mlperf_scenarios.search(
        line, Demand(server_seconds=1e9, server_queries=5000), bound_ms=80, most=100, alone=ALONE
    )
    assert many.trials[0].held
    assert many.trials[0].shown


def fake(zoo, model: str) -> TimedEntry:
    return TimedEntry(model, Entry(zoo, Model(model, model), None))


QUICK = Demand(
    seconds=0.05,
    queries=20,
    offline_batch=4,
    bound_ms=1000.0,
    server_seconds=1.0,
    server_queries=20,
    generator="own",
)


def test_all_scenarios_of_all_entries(fake_zoo) -> None:
    steps: list[int] = []
    found, failures = mlperf_scenarios.measure(
        [fake(fake_zoo, "small"), fake(fake_zoo, "crashes"), fake(fake_zoo, "wide")],
        QUICK,
        step=lambda done, of: steps.append(done),
    )
    assert [one.name for one, _ in failures] == ["crashes"]
    assert [one.name for one in found] == ["small", "wide"]
    for one in found:
        assert one.single_stream.generator == "zoodiff"
        assert one.single_stream.queries >= 20
        assert one.offline.images_per_second > 0
        assert one.server.bound_ms == 1000.0
        assert one.conditions["entry_point"] == "run"
    told = json.loads(json.dumps(found[0].to_dict()))
    assert told["offline"]["batch"] == 4
    assert told["server"]["percentile"] == pytest.approx(99)


@pytest.mark.slow
def test_a_network_that_hangs_offline_fails_with_its_reason(fake_zoo) -> None:
    found, failures = mlperf_scenarios.measure(
        [fake(fake_zoo, "sticks")], QUICK, limits=Limits(seconds=15)
    )
    assert found == []
    assert "while measuring sticks in the scenario offline" in failures[0][1]


@pytest.mark.torch
def test_a_real_network_under_load() -> None:
    if reason := usable(TORCH.worker):
        pytest.skip(reason)
    entry = registry.resolve("mini-torch:digits_cnn@random")
    found, failures = mlperf_scenarios.measure([TimedEntry("mini", entry)], QUICK)
    assert failures == []
    (one,) = found
    assert one.single_stream.p50_ms <= one.single_stream.p90_ms <= one.single_stream.p99_ms
    assert one.server.trials
