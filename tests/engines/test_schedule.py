"""Which job is begun where, on an engine that only notes it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from zoodiff.engines.base import Affinity, End, Job, Lost, Message, Slot
from zoodiff.engines.schedule import TRIES, Answer, Run
from zoodiff.errors import MeasurementError


class Notebook:
    """Slots in which every job ends at once, or is lost as often as is said."""

    name = "notebook"
    cores = 1

    def __init__(self, *nodes: str, lose: dict[str, int] | None = None) -> None:
        self._slots = [Slot(k, node) for k, node in enumerate(nodes)]
        self._lose = lose or {}
        self._said: list[tuple[Slot, Message]] = []
        self.begun: list[tuple[int, str]] = []
        self.beside: dict[str, set[str]] = {}
        """By the job that is to be alone, what ran on its node when it was begun."""
        self._running: dict[Slot, str] = {}

    def slots(self) -> Sequence[Slot]:
        return self._slots

    def start(self, slot: Slot, job: Job, keep: Collection[Affinity]) -> None:
        assert slot not in self._running
        self.begun.append((slot.number, job.name))
        if job.alone:
            self.beside[job.name] = {n for s, n in self._running.items() if s.node == slot.node}
        self._running[slot] = job.name
        if self._lose.get(job.name, 0) > 0:
            self._lose[job.name] -= 1
            self._said.append((slot, Lost("the node is gone")))
        else:
            self._said.append((slot, End({"of": job.name})))

    def wait(self, seconds: float) -> list[tuple[Slot, Message]]:
        slot, message = self._said.pop(0)  # one at a time, so that slots are free unevenly
        del self._running[slot]
        return [(slot, message)]

    def close(self) -> None: ...


def ends(engine: Notebook, *jobs: Job, admit=lambda job: Answer.YES) -> dict[str, End]:
    run = Run(engine, admit)
    for job in jobs:
        run.waiting.add(job)
    return {job.name: message for job, message in run.messages() if isinstance(message, End)}


def job(name: str, *needs: Affinity, alone: bool = False) -> Job:
    return Job(name, {}, needs, alone)


TORCH, KERAS = ("torchvision", "describe"), ("keras", "describe")


def test_jobs_of_one_framework_stay_in_one_slot_while_there_are_others() -> None:
    engine = Notebook("here", "here")
    names = [f"t{k}" for k in range(4)], [f"k{k}" for k in range(4)]
    jobs = [job(n, TORCH) for n in names[0]] + [job(n, KERAS) for n in names[1]]
    assert ends(engine, *jobs).keys() == {*names[0], *names[1]}
    assert sorted(name for slot, name in engine.begun if slot == 0) == names[0]
    assert sorted(name for slot, name in engine.begun if slot == 1) == names[1]


def test_a_slot_without_work_of_its_own_helps_the_other() -> None:
    engine = Notebook("here", "here")
    ends(engine, *(job(f"t{k}", TORCH) for k in range(6)), job("k", KERAS))
    assert {slot for slot, name in engine.begun if name.startswith("t")} == {0, 1}


def test_latency_runs_last_and_beside_nothing() -> None:
    engine = Notebook("here", "here", "here")
    jobs = [job("l1", alone=True), job("l2", alone=True), *(job(f"a{k}") for k in range(5))]
    ends(engine, *jobs)
    assert engine.beside == {"l1": set(), "l2": set()}
    assert [name for _, name in engine.begun][-2:] == ["l1", "l2"]


def test_latency_runs_on_two_nodes_at_the_same_time() -> None:
    engine = Notebook("one", "one", "two", "two")
    ends(engine, job("l1", alone=True), job("l2", alone=True), job("l3", alone=True))
    assert engine.begun[:2] == [(0, "l1"), (2, "l2")]
    assert all(not found for found in engine.beside.values())


def test_a_lost_job_is_done_again() -> None:
    engine = Notebook("here", lose={"a": TRIES - 1})
    found = ends(engine, job("a"), job("b"))
    assert found["a"].error is None
    assert found["a"].data == {"of": "a"}
    assert [name for _, name in engine.begun].count("a") == TRIES


def test_a_job_that_takes_every_slot_down_is_given_up() -> None:
    engine = Notebook("here", lose={"a": 99})
    found = ends(engine, job("a"), job("b"))
    assert isinstance(found["a"].error, MeasurementError)
    assert "lost 3 times; the last: the node is gone" in str(found["a"].error)
    assert found["b"].error is None


def test_a_job_that_may_not_begin_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoodiff.engines.schedule._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("zoodiff.engines.schedule._POLL_SECONDS", 0.01)
    asked: list[str] = []

    def admit(one: Job) -> Answer:
        asked.append(one.name)
        if one.name == "done":
            return Answer.NOT_NEEDED
        return Answer.LATER if one.name == "held" and asked.count("held") < 3 else Answer.YES

    engine = Notebook("here")
    assert ends(engine, job("held"), job("done"), job("free"), admit=admit).keys() == {
        "held",
        "free",
    }
    assert engine.begun == [(0, "free"), (0, "held")]


def test_jobs_that_are_not_wanted_any_more_are_not_begun() -> None:
    engine = Notebook("here")
    run = Run(engine)
    for k in range(4):
        run.waiting.add(job(f"shard {k}", TORCH))
    for _ in run.messages():
        run.waiting.drop(lambda one: one.name.startswith("shard"))
    assert len(engine.begun) == 1
    assert not run.waiting.needed
