import numpy as np
import pytest

from zoodiff.errors import UnknownNameError
from zoodiff.workers.inside import timing
from zoodiff.workers.process import Worker
from zoodiff.zoos.runtime import load_stages


def load(worker: Worker, model: str = "small", **more: object) -> dict:
    return worker.call(
        "load", doing="", handle="h", model=model, weights=None, seed=1, threads=1, **more
    )


def test_loading_says_what_is_measured_and_where_the_seconds_went(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        answer = load(worker)
        again = load(worker)
    assert answer["scope"]["mode"] == "plain"  # the first one is the default
    assert answer["scope"]["entry_point"] == "run"  # the network's own
    assert answer["scope"]["layout"] == "NCHW"  # derived
    assert {"precision", "device", "binding", "clock", "calls"} <= answer["scope"].keys()
    assert {"import", "build", "weights", "other"} <= answer["stages"].keys()
    assert sum(answer["stages"].values()) == pytest.approx(answer["seconds"], rel=0.05, abs=1e-3)
    assert "import" not in again["stages"]


def test_a_mode_is_taken_and_an_unknown_one_refused_with_a_suggestion(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        assert worker.call("modes", doing="") == {"names": ["plain", "doubled"]}
        assert load(worker, mode="doubled")["scope"]["mode"] == "doubled"
        with pytest.raises(UnknownNameError, match=r'no mode "double"; did you mean doubled\?'):
            load(worker, mode="double")
        assert worker.generation == 1


def test_the_identity_needs_no_loading_and_no_framework(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        answer = worker.call("time", doing="", handle="identity", calls=5, batch=2, seed=0)
    assert len(answer["milliseconds"]) == 5
    assert all(0 <= value < 1000 for value in answer["milliseconds"])


class Counted:
    """A network that takes note of when it is called."""

    weights_state, weights_sha256, layout = "random", None, "NCHW"
    input_shape = (1, 3)

    def __init__(self, clock: list[float]) -> None:
        self.clock, self.calls, self.slept = clock, 0, []

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.slept.append(self.clock[1])
        self.clock[0] += 0.010  # each call takes 10 ms
        return batch


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """On a clock of its own, so that nothing depends on the machine."""
    clock = [0.0, 0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        clock[1] += seconds

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: round(clock[0] * 1e9))
    monkeypatch.setattr(timing.time, "sleep", sleep)
    return Counted(clock)


DATA = np.zeros((1, 3), dtype=np.float32)


def test_without_settling_every_call_is_timed(counted) -> None:
    assert timing.timed_calls(counted, DATA, 4) == pytest.approx([10.0] * 4)
    assert counted.calls == 4


def test_settling_runs_for_its_time_and_at_least_once(counted) -> None:
    assert len(timing.timed_calls(counted, DATA, 3, settle_ms=45)) == 3
    assert counted.calls == 5 + 3
    timing.timed_calls(counted, DATA, 1, settle_ms=1e-6)
    assert counted.calls == 8 + 2


def test_a_pause_stands_before_every_timed_call_and_outside_the_clock(counted) -> None:
    times = timing.timed_calls(counted, DATA, 3, settle_ms=15, pause_ms=20)
    assert times == pytest.approx([10.0] * 3)
    assert counted.slept == pytest.approx([0.0, 0.0, 0.02, 0.04, 0.06])


def test_stages_are_exclusive_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(load_stages.time, "perf_counter", lambda: now[0])

    class Reader:
        def read(self) -> str:
            now[0] += 5
            return "read"

    with load_stages.recording() as seconds:
        now[0] += 1
        with load_stages.stage("build"), load_stages.calls_are("weights", (Reader, "read")):
            now[0] += 2
            assert Reader().read() == "read"
        now[0] += 3
    Reader().read()  # nothing is charged once the block has ended
    assert seconds == {"other": 4.0, "build": 2.0, "weights": 5.0}
