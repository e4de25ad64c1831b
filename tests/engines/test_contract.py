"""What every engine does, on all of them: zoos that need no framework, jobs that only count."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoodiff.engines.base import End, Engine, Job, Lost, Partial, Step
from zoodiff.engines.choose import ENGINES, Choice, open_engine
from zoodiff.engines.schedule import Run
from zoodiff.errors import MeasurementError, UnknownNameError, UsageError


def work(pool: Any, data: Any, say: Any) -> dict[str, Any]:
    """Does what the job says, with nothing of zoodiff's measurements."""
    if data.get("die") and not Path(data["die"]).exists():
        Path(data["die"]).write_text("it was here")
        os._exit(3)
    if data.get("mark"):
        begin = time.monotonic()
        time.sleep(0.2)
        return {"from": begin, "to": time.monotonic(), "pid": os.getpid()}
    if data.get("meet"):
        folder, last = Path(data["meet"]), time.monotonic() + 120
        (folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        while len(list(folder.iterdir())) < 2 and time.monotonic() < last:
            time.sleep(0.01)
        return {"met": len(list(folder.iterdir()))}
    if data.get("fail"):
        raise {"said": MeasurementError, "bug": ZeroDivisionError}[data["fail"]]("a reason")
    for k in range(data.get("steps", 0)):
        say(Step(k + 1, data["steps"]))
    if "part" in data:
        say(Partial({"bytes": data["part"]}))
    return {"pid": os.getpid(), "bytes": b"\0\xff", "folder": os.getcwd()}  # noqa: PTH109


@pytest.fixture(scope="module", params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "ray":
        cloudpickle = pytest.importorskip("ray", reason="the ray extra").cloudpickle
        import sys

        cloudpickle.register_pickle_by_value(sys.modules[__name__])
    found = open_engine(Choice(request.param, jobs=2), work)
    try:
        yield found
    finally:
        found.close()


def messages(engine: Engine, *jobs: Job) -> list[tuple[str, Any]]:
    run = Run(engine)
    for job in jobs:
        run.waiting.add(job)
    return [(job.name, message) for job, message in run.messages()]


def test_plain_data_goes_in_and_comes_back(engine: Engine) -> None:
    ((name, end),) = messages(engine, Job("a", {}))
    assert name == "a"
    assert end.error is None
    assert end.data["bytes"] == b"\0\xff"
    assert end.data["folder"] == str(Path.cwd())


def test_steps_and_parts_come_in_order_before_the_end(engine: Engine) -> None:
    found = [m for _, m in messages(engine, Job("a", {"steps": 3, "part": b"12"}))]
    assert found[:4] == [Step(1, 3), Step(2, 3), Step(3, 3), Partial({"bytes": b"12"})]
    assert isinstance(found[4], End)


def test_two_jobs_are_done_at_the_same_time(engine: Engine, tmp_path: Path) -> None:
    pair = [Job(f"{k}", {"meet": str(tmp_path)}) for k in range(2)]
    assert [m.data for _, m in messages(engine, *pair)] == [{"met": 2}] * 2


def test_what_is_to_be_alone_is_alone(engine: Engine) -> None:
    jobs = [Job(f"a{k}", {"mark": 1}) for k in range(3)]
    alone = [Job(f"l{k}", {"mark": 1}, alone=True) for k in range(2)]
    found = dict(messages(engine, *alone, *jobs))
    for one in alone:
        mine = found[one.name].data
        for name, other in found.items():
            if name != one.name:
                assert other.data["to"] <= mine["from"] or mine["to"] <= other.data["from"]
    assert found["l0"].error is None


def test_slots_are_there_again_after_one_that_was_alone(engine: Engine, tmp_path: Path) -> None:
    messages(engine, Job("l", {"mark": 1}, alone=True))
    pair = [Job(f"{k}", {"meet": str(tmp_path)}) for k in range(2)]
    assert [m.data for _, m in messages(engine, *pair)] == [{"met": 2}] * 2


def test_an_error_comes_back_as_what_it_is(engine: Engine) -> None:
    found = dict(messages(engine, Job("said", {"fail": "said"}), Job("bug", {"fail": "bug"})))
    assert isinstance(found["said"].error, MeasurementError)
    assert str(found["said"].error) == "a reason"
    assert not isinstance(found["bug"].error, MeasurementError)
    assert "a reason" in str(found["bug"].error)


@pytest.mark.ray
def test_a_process_that_dies_costs_its_job_another_try(engine: Engine, tmp_path: Path) -> None:
    if engine.name == "local":
        pytest.skip("the slots of local are threads of this very process")
    died = tmp_path / "died"
    found = dict(messages(engine, Job("a", {"die": str(died)}), *(Job(f"{k}", {}) for k in "bc")))
    assert died.exists()
    assert [end.error for end in found.values()] == [None] * 3


@pytest.mark.ray
def test_what_is_to_be_alone_is_done_after_a_process_died(engine: Engine, tmp_path: Path) -> None:
    """The lost slot's successor is still on its way when it begins, and must not be in its way."""
    if engine.name == "local":
        pytest.skip("the slots of local are threads of this very process")
    slot = engine.slots()[0]
    engine.start(slot, Job("d", {"die": str(tmp_path / "died")}), ())
    last = time.monotonic() + 240
    while not any(isinstance(message, Lost) for _, message in engine.wait(0.5)):
        assert time.monotonic() < last
    other = engine.slots()[0]
    engine.start(other, Job("l", {"mark": 1}, alone=True), ())
    ends: list[Any] = []
    while not ends:
        assert time.monotonic() < last
        ends = [message for _, message in engine.wait(0.5) if isinstance(message, End)]
    assert ends[0].error is None
    pair = [Job(f"{k}", {"meet": str(tmp_path / "pair")}) for k in range(2)]
    (tmp_path / "pair").mkdir()
    assert [m.data for _, m in messages(engine, *pair)] == [{"met": 2}] * 2


def test_an_engine_that_there_is_not_is_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match='no engine "rey"; did you mean ray'):
        open_engine(Choice("rey"), work)
    with pytest.raises(UsageError, match="local has no address"):
        open_engine(Choice("local", address="10.0.0.1:6379"), work)
    assert set(ENGINES) == {"local", "ray"}
