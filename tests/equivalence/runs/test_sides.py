"""Both entries of a comparison are asked at once where that is possible, else one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs import sides as module
from zoodiff.equivalence.runs.sides import Sides, sides
from zoodiff.errors import MeasurementError
from zoodiff.zoos.registry import Entry


@dataclass(frozen=True)
class FakeEntry:
    """An entry as far as sides look at it: it is no file."""

    name: str
    takes_weights: bool = True

    def __str__(self) -> str:
        return self.name


def entry(name: str, *, takes_weights: bool = True) -> Entry:
    return cast(Entry, FakeEntry(name, takes_weights))


A, B = entry("a"), entry("b")
PARAMETERS_OF_EVERY_MEMORY = 10**18


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_usable_cores", lambda: 2)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool() as workers:
        yield workers


def meeting(barrier: threading.Barrier) -> Any:
    """A question that is answered only while the other entry is being asked too."""

    def question(pool: WorkerPool, entry: Entry) -> tuple[WorkerPool, Entry]:
        barrier.wait(timeout=60)
        return pool, entry

    return question


def test_concurrent_sides_are_asked_at_once_each_with_its_own_pool(pool: WorkerPool) -> None:
    with sides(pool, A, B, concurrent=True) as both:
        (first, a), (second, b) = both.ask(meeting(threading.Barrier(2)))
    assert (a, b) == (A, B)
    assert first is pool
    assert second is not pool


def test_two_networks_of_this_process_wait_for_each_other(pool: WorkerPool) -> None:
    held = entry("c", takes_weights=False), entry("d", takes_weights=False)
    with sides(pool, *held, concurrent=True) as both:
        assert running(both) == 1
    with sides(pool, held[0], B, concurrent=True) as both:
        assert running(both) == 2


def running(both: Sides, parameters: int = 0) -> int:
    """The most questions that were being answered at any moment."""
    now, most, lock = 0, 0, threading.Lock()

    def question(pool: WorkerPool, entry: Entry) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.05)
        with lock:
            now -= 1

    both.ask(question, parameters)
    return most


def test_one_pool_is_asked_one_by_one(pool: WorkerPool) -> None:
    with sides(pool, A, B, concurrent=False) as both:
        assert both.pools == (pool, pool)
        assert running(both) == 1


def test_a_single_core_is_not_shared(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_usable_cores", lambda: 1)
    with sides(pool, A, B, concurrent=True) as both:
        assert running(both) == 1


def test_networks_too_large_for_the_memory_together_run_one_after_the_other(
    pool: WorkerPool,
) -> None:
    with sides(pool, A, B, concurrent=True) as both:
        assert running(both, PARAMETERS_OF_EVERY_MEMORY) == 1


def test_the_first_error_is_raised_and_the_sides_can_be_asked_again(pool: WorkerPool) -> None:
    def fail(pool: WorkerPool, entry: Entry) -> None:
        raise MeasurementError(f"{entry} cannot be run")

    with sides(pool, A, B, concurrent=True) as both:
        with pytest.raises(MeasurementError, match="a cannot be run"):
            both.ask(fail)
        both.ask(meeting(threading.Barrier(2)))


def test_an_interrupt_ends_the_workers_of_the_second_side(pool: WorkerPool) -> None:
    ended = threading.Event()

    def question(pool: WorkerPool, entry: Entry) -> None:
        if entry is A:
            raise KeyboardInterrupt
        assert ended.wait(60)

    with sides(pool, A, B, concurrent=True) as both:
        second = both.pools[1]
        kill = second.interrupt

        def interrupt() -> None:
            kill()
            ended.set()

        second.interrupt = interrupt  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            both.ask(question)
