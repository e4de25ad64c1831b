"""Loads on a clock of their own, held against queueing theory; LoadGen where it is installed."""

import math

import numpy as np
import pytest

from zoodiff.errors import MissingFrameworkError, UnknownNameError
from zoodiff.workers.inside import scenarios
from zoodiff.workers.messages import LoadTested
from zoodiff.workers.messages import ScenarioLoad as Load
from zoodiff.workers.process import Worker

DATA = np.zeros((8, 3), dtype=np.float32)


class Served:
    """A network on a clock that only it and sleeping move."""

    weights_state, weights_sha256, layout = "random", None, "NCHW"
    input_shape = (1, 3)

    def __init__(self) -> None:
        self.now, self.sizes = 0.0, []
        self.stall_at: int | None = None
        self.seconds = 0.010

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.now += 1.0 if len(self.sizes) == self.stall_at else self.seconds
        self.sizes.append(len(batch))
        return batch

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    network = Served()
    monkeypatch.setattr(scenarios.time, "perf_counter", lambda: network.now)
    monkeypatch.setattr(scenarios.time, "sleep", network.sleep)
    return network


def own(network: Served, load: Load) -> LoadTested:
    return scenarios.run(network, DATA, load, "own")


def test_a_single_stream_asks_again_when_it_is_answered(served) -> None:
    found = own(served, Load("single-stream", seconds=1.0, queries=10))
    assert found.generator == "zoodiff"
    assert found.queries == 100
    assert found.latency_ms.p90 == pytest.approx(10.0)
    assert found.images_per_second == pytest.approx(100.0)


def test_a_single_stream_has_its_least_number_of_queries(served) -> None:
    assert own(served, Load("single-stream", seconds=0.0, queries=7)).queries == 7


def test_offline_images_are_all_there_from_the_beginning(served) -> None:
    found = own(served, Load("offline", seconds=0.1, queries=20, batch=8, rate=1.0))
    assert served.sizes[1:] == [8, 8, 4]  # after one call to warm up
    assert found.images_per_second == pytest.approx(20 / 0.030)
    assert found.latency_ms.p99 == pytest.approx(30.0)


def test_a_server_waits_as_queueing_theory_says(served) -> None:
    """M/D/1 (Pollaczek-Khinchine): the mean wait is rho S / (2 (1 - rho)); rho 0.6, S 10 ms."""
    load = Load("server", seconds=0, queries=40_000, rate=60, bound_ms=1e9, seed=5)
    found = own(served, load)
    rho, service = 0.6, 10.0
    assert found.latency_ms.mean == pytest.approx(
        service + rho * service / (2 * (1 - rho)), rel=0.05
    )
    assert found.late == 0
    assert not found.given_up


def test_who_waited_behind_a_stall_is_late_too(served) -> None:
    """No coordinated omission: a stall of 1 s at 50 queries a second delays about 50 queries."""
    served.stall_at = 101  # one call to warm up, then 100 queries
    load = Load("server", seconds=0, queries=400, rate=50, bound_ms=100, allowed=0.5, seed=1)
    found = own(served, load)
    assert found.queries == 400
    # They arrive in 1 s and go at 100 a second, half of which new ones take: late until the queue
    # is shorter than 100 ms.
    assert 50 < found.late < 130


def test_a_server_without_a_stall_is_not_late(served) -> None:
    load = Load("server", seconds=0, queries=400, rate=50, bound_ms=100, seed=1)
    assert own(served, load).late == 0


def test_waiting_queries_are_taken_together_up_to_the_batch(served) -> None:
    load = Load("server", seconds=0, queries=500, batch=4, rate=300, bound_ms=1e9, seed=2)
    found = own(served, load)
    sizes = served.sizes[4:]
    assert served.sizes[:4] == [1, 2, 3, 4]  # each size is compiled before the clock runs
    assert sum(sizes) == found.images == 500
    assert max(sizes) == 4


def test_a_trial_that_cannot_hold_any_more_is_given_up(served) -> None:
    load = Load("server", seconds=0, queries=1000, rate=500, bound_ms=20, seed=3)
    found = own(served, load)
    assert found.given_up
    assert found.late == 11  # 10 of 1,000 may be late
    assert found.queries < 200


def test_arrivals_are_a_poisson_process(served) -> None:
    """Gaps of the sleeping are exponential: mean 1 / rate, deviation the same."""
    served.seconds = 0.0
    slept = []
    original = served.sleep

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        original(seconds)

    scenarios.time.sleep = sleep  # the fixture puts the clock back
    own(served, Load("server", seconds=0, queries=20_000, rate=100, bound_ms=1, seed=4))
    assert np.mean(slept) == pytest.approx(0.01, rel=0.03)
    assert np.std(slept) == pytest.approx(0.01, rel=0.05)


def test_an_unknown_generator_is_named() -> None:
    with pytest.raises(UnknownNameError, match="there are loadgen, own"):
        scenarios.run(Served(), DATA, Load("offline", 1, 1), "mine")


def test_loadgen_that_is_not_there_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingFrameworkError, match="pip install mlcommons-loadgen"):
        scenarios.run(Served(), DATA, Load("offline", 1, 1), "loadgen")


@pytest.mark.parametrize("scenario", ["single-stream", "offline", "server"])
def test_loadgen_measures_in_a_worker(fake_zoo, scenario: str) -> None:
    pytest.importorskip("mlperf_loadgen")
    with Worker(fake_zoo.worker) as worker:
        worker.call("load", doing="", handle="h", model="small", weights=None, seed=1, threads=1)
        found = worker.call(
            "load_test",
            doing="",
            handle="h",
            generator="loadgen",
            load={
                "scenario": scenario,
                "seconds": 0.2,
                "queries": 20,
                "batch": 1 if scenario == "single-stream" else 4,
                "rate": 200.0,
                "bound_ms": 1e4,
            },
        )
    assert found["generator"].startswith("LoadGen ")
    assert found["queries"] >= 20
    latency = found["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
    assert math.isfinite(found["images_per_second"])
    if scenario == "server":
        assert found["late"] == 0


def test_an_error_of_the_network_is_not_lost_in_loadgen(fake_zoo) -> None:
    pytest.importorskip("mlperf_loadgen")

    class Breaks:
        def __init__(self) -> None:
            self.calls = 0

        def run(self, batch: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls > 3:
                raise ValueError("broken")
            return batch

    for scenario in ("single-stream", "server"):
        load = Load(scenario, seconds=0.1, queries=10, rate=200.0, bound_ms=10)
        with pytest.raises(ValueError, match="broken"):
            scenarios.run(Breaks(), DATA, load, "loadgen")
