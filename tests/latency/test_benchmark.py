"""The measuring loop on made-up processes whose latencies are known."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest

from zoodiff.errors import MeasurementError, UsageError, WorkerError
from zoodiff.latency import benchmark
from zoodiff.latency import cpu_affinity as cores
from zoodiff.latency.benchmark import Budget, measure, with_controls
from zoodiff.latency.conditions import MeasuredConditions
from zoodiff.latency.ordering import orders
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.stats import ratios
from zoodiff.zoos.registry import Entry


class Made:
    """A process of an entry; all of them share a drift and are numbered as they are made."""

    speeds: ClassVar[dict[str, float]] = {"a": 1.0, "b": 1.5}
    log: ClassVar[list[str]] = []
    placed: ClassVar[list[tuple[str, frozenset[int]]]] = []
    gone: ClassVar[list[str]] = []
    alive: ClassVar[int] = 0

    def __init__(self, one: TimedEntry) -> None:
        self.name = one.name
        Made.alive += 1

    def load(self) -> Loaded:
        if self.name.startswith("broken"):
            raise MeasurementError("it cannot be built")
        conditions = MeasuredConditions(self.name, "fake", "", {"batch": "1"})
        return Loaded("random", None, (3, 8, 8), conditions, {}, 1, {})

    def fitting(self, block_ms: float) -> int:
        return {"b": 3}.get(self.name, 5)

    def place(self, cores: frozenset[int]) -> None:
        Made.placed.append((self.name, cores))

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        Made.log.append(self.name)
        if self.name == "dies" and len(Made.log) > 40:
            raise WorkerError("it died")
        drift = 1 + len(Made.log) / 1000
        speed = Made.speeds.get(self.name.removesuffix(" (control)"), 1.0)
        return [speed * drift] * calls

    def overhead(self) -> float:
        return 0.001

    def runtime_info(self) -> dict[str, object]:
        return {}

    def peak_rss_bytes(self) -> int:
        return 1000

    def let_go(self) -> None:
        Made.gone.append(self.name)

    def close(self) -> None:
        assert self.name in Made.gone
        Made.alive -= 1


@pytest.fixture(autouse=True)
def fresh() -> None:
    Made.log, Made.placed, Made.gone, Made.alive = [], [], [], 0


def subjects(*names: str) -> list[TimedEntry]:
    entry: Entry = None  # type: ignore[assignment]  # nothing here looks at it
    return [TimedEntry(name, entry) for name in names]


def test_ratios_cancel_what_drifts_and_controls_are_one() -> None:
    budget = Budget(processes=4, most_processes=4, rounds=10, seconds=1e9)
    found = measure(with_controls(subjects("a", "b")), budget, Made)
    a, b, control = (found.samples_of(name) for name in ("a", "b", "a (control)"))
    assert a is not None and b is not None and control is not None
    assert [len(one) for one in a.rounds] == [10, 10, 10, 10]
    assert ratios.ratio(b.rounds, a.rounds).value == pytest.approx(1.5, rel=2e-3)
    assert ratios.ratio(control.rounds, a.rounds).value == pytest.approx(1.0, rel=2e-3)
    assert found.stopped == "narrow enough" and found.needed_seconds is None
    assert Made.alive == 0, "every process was ended"


def test_frameworks_are_imported_two_at_a_time_and_nothing_is_timed_meanwhile() -> None:
    said: list[str] = []

    class Told(Made):
        def __init__(self, one: TimedEntry) -> None:
            super().__init__(one)
            said.append(f"begin {one.name}")

        def load(self) -> Loaded:
            said.append(f"load {self.name}")
            return super().load()

        def fitting(self, block_ms: float) -> int:
            said.append("fit")
            return super().fitting(block_ms)

    budget = Budget(processes=2, most_processes=2, rounds=2, seconds=1e9)
    measure(subjects("a", "b", "c"), budget, Told)
    loading = ["begin a", "begin b", "load a", "begin c", "load b", "load c"]
    assert said == [*loading, "fit", "fit", "fit", *loading]


def test_no_thread_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no memory for one, Python waits for it forever."""

    def refuse(self: threading.Thread) -> None:
        raise AssertionError("a thread was begun")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    budget = Budget(processes=2, most_processes=2, rounds=2, seconds=1e9)
    assert measure(subjects("a", "b"), budget, Made).processes == 2
    assert Made.alive == 0


def test_one_round_times_each_entry_once() -> None:
    budget = Budget(processes=2, most_processes=2, rounds=6, seconds=1e9, pauses=False)
    measure(subjects("a", "b", "c"), budget, Made)
    timed = [Made.log[k : k + 3] for k in range(0, len(Made.log), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in timed)
    assert len(timed) == 12


def test_what_cannot_be_loaded_is_a_failure_and_the_others_go_on() -> None:
    budget = Budget(processes=2, most_processes=2, rounds=6, seconds=1e9)
    found = measure(subjects("broken", "a", "b"), budget, Made)
    assert [(one.name, reason) for one, reason in found.failures] == [
        ("broken", "it cannot be built")
    ]
    assert [one.subject.name for one in found.samples] == ["a", "b"]
    assert Made.alive == 0


def test_an_entry_that_loads_is_the_control_where_the_first_does_not() -> None:
    budget = Budget(processes=2, most_processes=2, rounds=6, seconds=1e9)
    found = measure(with_controls(subjects("broken", "a", "b"), 2), budget, Made)
    assert [one.name for one, _ in found.failures] == ["broken"]
    assert [one.subject.name for one in found.samples] == ["a", "b", "a (control)", "b (control)"]
    assert {len(rounds) for one in found.samples for rounds in one.rounds} == {6}
    assert Made.alive == 0


def test_what_dies_in_the_middle_is_dropped_whole() -> None:
    budget = Budget(processes=4, most_processes=4, rounds=10, seconds=1e9)
    found = measure(subjects("a", "dies", "b"), budget, Made)
    assert [one.name for one, _ in found.failures] == ["dies"]
    a, b = found.samples
    assert [len(one) for one in a.rounds] == [len(one) for one in b.rounds]


def test_nothing_left_ends_the_run() -> None:
    found = measure(subjects("broken 1", "broken 2"), Budget(), Made)
    assert found.samples == () and len(found.failures) == 2 and found.processes == 0


def test_spent_time_ends_the_run_and_says_what_the_target_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Noisy(Made):
        made = 0

        def __init__(self, one: TimedEntry) -> None:
            super().__init__(one)
            Noisy.made += 1
            self.factor = 1 + 0.3 * (Noisy.made % 5)

        def block(self, *arguments: object, **options: object) -> list[float]:
            return [self.factor * ms for ms in super().block(*arguments, **options)]  # type: ignore[arg-type]

    budget = Budget(processes=3, most_processes=30, rounds=6, seconds=0.0)
    found = measure(subjects("a", "b"), budget, Noisy)
    assert found.stopped == "time spent"
    assert found.needed_seconds is not None and found.needed_seconds > found.seconds


def test_a_refusal_is_raised_before_anything_is_timed() -> None:
    def refuse(loaded: Sequence[Loaded]) -> None:
        raise UsageError("unequal")

    with pytest.raises(UsageError, match="unequal"):
        measure(subjects("a", "b"), Budget(rounds=6), Made, check=refuse)
    assert Made.log == [] and Made.alive == 0


def test_orders_are_balanced() -> None:
    turn = orders(4, np.random.default_rng(0))
    drawn = [next(turn) for _ in range(100)]
    assert all(sorted(one) == [0, 1, 2, 3] for one in drawn)
    assert all(a == b[::-1] for a, b in zip(drawn[::2], drawn[1::2], strict=True))
    assert len({tuple(one) for one in drawn}) > 10, "orders are drawn, not repeated"


def test_long_calls_are_not_preceded_by_untimed_ones() -> None:
    settled: list[float] = []

    class Watched(Made):
        speeds: ClassVar[dict[str, float]] = {}

        def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
            settled.append(settle_ms)
            return [benchmark._LONG_MS * 2] * calls

    budget = Budget(processes=2, most_processes=2, rounds=6, seconds=1e9, pauses=False)
    measure(subjects("a"), budget, Watched)
    assert settled[0] > 0 and set(settled[6:]) == {0.0}


def test_blocks_of_all_have_the_calls_that_fit_of_the_slowest() -> None:
    """Lower quartiles of unequal numbers of calls would be different statistics."""
    budget = Budget(processes=2, most_processes=2, rounds=4, seconds=1e9)
    found = measure(subjects("a", "b"), budget, Made)
    assert [len(calls) for one in found.samples for calls in one.calls] == [12] * 4


@pytest.mark.skipif(len(cores.available()) < 2, reason="needs two cores that may be chosen")
def test_all_entries_of_a_process_run_on_one_core_and_the_next_elsewhere() -> None:
    budget = Budget(processes=4, most_processes=4, rounds=2, seconds=1e9)
    measure(subjects("a", "b", "c"), budget, Made)
    assert [name for name, _ in Made.placed] == ["a", "b", "c"] * 4
    where = [place for _, place in Made.placed]
    assert all(len(place) == 1 for place in where)
    assert where[0::3] == where[1::3] == where[2::3]
    assert len(set(where)) == min(4, len(cores.available()))
