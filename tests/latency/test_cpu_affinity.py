"""On which cores entries run."""

from __future__ import annotations

import os
import threading
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from zoodiff.latency import cpu_affinity


def drawn(threads: int, sets: int) -> list[frozenset[int] | None]:
    return list(islice(cpu_affinity.places(threads, np.random.default_rng(0)), sets))


def test_every_core_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_affinity, "available", lambda: [0, 2, 4, 6])
    turns = Counter(core for one in drawn(3, 8) for core in one or ())
    assert turns == {0: 6, 2: 6, 4: 6, 6: 6}


@pytest.mark.parametrize(
    ("threads", "there"), [(1, [0]), (2, [0, 1]), (4, [0, 1]), (1, []), (0, [0, 1])]
)
def test_as_many_threads_as_cores_run_where_they_like(
    monkeypatch: pytest.MonkeyPatch, threads: int, there: list[int]
) -> None:
    monkeypatch.setattr(cpu_affinity, "available", lambda: there)
    assert drawn(threads, 4) == [None] * 4


@pytest.mark.skipif(len(cpu_affinity.available()) < 2, reason="needs two cores that may be chosen")
def test_a_thread_gets_its_cores_back() -> None:
    every = cpu_affinity.available()
    found = []

    def hands_out_turns() -> None:
        with cpu_affinity.avoid(frozenset(every[:1])):
            found.append(sorted(os.sched_getaffinity(0)))
        found.append(sorted(os.sched_getaffinity(0)))

    thread = threading.Thread(target=hands_out_turns)
    thread.start()
    thread.join()
    assert found == [every[1:], every]
