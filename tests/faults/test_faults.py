"""The fault suite in its short form, and what its long form found, each as a test of its own."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults import world
from support.faults.checks import comparable
from zoodiff.accuracy import sharding
from zoodiff.engines.threads import LocalEngine
from zoodiff.errors import MeasurementError
from zoodiff.store.folder import Store
from zoodiff.store.records import Record
from zoodiff.store.verify import verify
from zoodiff.study import config
from zoodiff.study.run import run
from zoodiff.workers import process, threads
from zoodiff.zoos import registry

TESTS = Path(__file__).resolve().parents[1]
FAULTS = 21
"""One of each kind at least."""


def campaign(count: int, tmp_path: Path, *more: str, seconds: float = 800.0) -> None:
    found = tmp_path / "found.json"
    command = [
        *(sys.executable, "-X", "faulthandler", "-m", "support.faults.campaign"),
        *("--count", str(count), "--json", str(found), *more),
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=TESTS, **pipes) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it says where it hung
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
    assert process.returncode == 0, out[-6000:] + err[-4000:]
    said = json.loads(found.read_text())
    assert sum(said["faults"].values()) == count
    assert said["wrong"] == {}


def test_nothing_is_lost_wrong_or_doubled_after_any_fault(tmp_path: Path) -> None:
    campaign(FAULTS, tmp_path)


@pytest.mark.slow
def test_nothing_is_lost_wrong_or_doubled_after_two_hundred_faults(tmp_path: Path) -> None:
    campaign(200, tmp_path, "--seed", "1", seconds=3500.0)


class Quiet:
    def expects(self, sentence: str) -> None: ...

    def begin(self, tasks: int, finished: int) -> None: ...
    def task(self, label: str) -> None: ...
    def step(self, label: str, done: int, of: int) -> None: ...
    def waits(self, label: str, holder: str) -> None: ...
    def done(self, label: str, failures: int) -> None: ...


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The zoos of the suite in this process; what their workers do is written to the file."""
    zoos = {"one": world.FaultZoo("one"), "two": world.FaultZoo("two")}
    monkeypatch.setattr(registry, "zoos", lambda: zoos)
    registry._models.cache_clear()
    original, path = process.worker_environment, tmp_path / "calls"

    def with_backend(*args: object, **kwargs: object) -> dict[str, str]:
        inner = original(*args, **kwargs)  # type: ignore[arg-type]
        return inner | {"PYTHONPATH": str(TESTS / "fakes"), "FAULT_LOG": str(path)}

    monkeypatch.setattr(process, "worker_environment", with_backend)
    monkeypatch.setattr(sharding, "default_pipelines", lambda: 1)
    path.touch()
    yield path
    registry._models.cache_clear()


def only(folder: Path, table: str) -> config.LoadedStudy:
    """The suite's study with one of its tables."""
    path = world.build(folder)
    head, *tables = path.read_text().split("\n[")
    kept = [one for one in tables if one.startswith(table)]
    path.write_text("\n[".join([head, *kept]))
    return config.load_study(str(path))


@pytest.mark.parametrize("recorded", [0, 1, 2])
def test_a_pass_that_ends_between_its_records_runs_no_image_again(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: int
) -> None:
    """It did, for all entries that were not recorded yet, and forgot what their workers said."""
    loaded = only(tmp_path, "accuracy")
    run(loaded, Store(tmp_path / "truth"), Quiet())
    original, count = Store.put, 0

    def put(self: Store, record: Record, attachment: bytes | None = None) -> str:
        nonlocal count
        if count == recorded:
            raise KeyboardInterrupt
        count += 1
        return original(self, record, attachment)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "put", put)
        with pytest.raises(KeyboardInterrupt):
            run(loaded, Store(tmp_path / "results"), Quiet())
    calls.write_text("")
    outcome = run(loaded, Store(tmp_path / "results"), Quiet())
    assert calls.read_text() == ""
    assert len(outcome.manifest.records) == 3
    truth = {r.entry: comparable(r) for r in Store(tmp_path / "truth")}
    assert {r.entry: comparable(r) for r in Store(tmp_path / "results")} == truth
    assert all(one["weights"]["sha256"] for one in truth.values())
    assert all("pillow" in one["versions"] for one in truth.values())
    assert list((tmp_path / "results").glob("unfinished/*")) == []


def test_an_entry_that_failed_in_a_pass_runs_only_the_images_it_lacks(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = only(tmp_path, "accuracy")
    original, count = process.Worker.ask, 0

    def ask(self: process.Worker, method: str, /, **more: object) -> object:
        nonlocal count
        if method == "classify" and more.get("handle") == "two:wide@w1":
            count += 1
            if count == 2:
                self._kill()
                raise process.WorkerError("the worker of two died")
        return original(self, method, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(process.Worker, "ask", ask)
        first = run(loaded, Store(tmp_path / "results"), Quiet())
    # The other network of that worker is lost with it.
    assert {one.entry for one in first.manifest.failures} == {"two:wide@w1", "two:deep@w1"}
    calls.write_text("")
    second = run(loaded, Store(tmp_path / "results"), Quiet())
    assert second.manifest.failures == []
    seen = [line.split() for line in calls.read_text().splitlines() if line.startswith("classify")]
    images = {name: sum(int(n) for _, one, n in seen if one == name) for name in ("small", "wide")}
    assert images == {"small": 0, "wide": world.IMAGES - 64}
    entries = [Store(tmp_path / "results").get(name) for name in second.manifest.records]
    assert [one.entry for one in entries if one] == ["one:small@w1", "two:wide@w1", "two:deep@w1"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_thread_that_cannot_begin_for_lack_of_memory_ends_the_pass(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python waits forever for such a thread, and so did the run."""
    loaded = only(tmp_path, "accuracy")

    begin = threading.Thread._bootstrap  # type: ignore[attr-defined]

    def no_memory(self: threading.Thread) -> None:
        if "SlotThread" in getattr(self._target, "__qualname__", ""):  # type: ignore[attr-defined]
            begin(self)  # the engine's own thread was there before
        else:
            raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(threads, "_START_SECONDS", 0.5)
        patched.setattr(threading.Thread, "_bootstrap", no_memory)
        first = run(loaded, Store(tmp_path / "results"), Quiet())
    assert {"lack of memory" in one.reason for one in first.manifest.failures} == {True}
    assert len(first.manifest.failures) == 3
    second = run(loaded, Store(tmp_path / "results"), Quiet())
    assert second.measured == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_whose_thread_cannot_begin_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(self: threading.Thread) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(threads, "_START_SECONDS", 0.5)
        patched.setattr(threading.Thread, "_bootstrap", no_memory)
        with pytest.raises(MeasurementError, match="lack of memory"):
            LocalEngine(lambda pool, data, say: {})


def test_a_resumed_run_lists_its_records_in_the_order_of_the_study(
    calls: Path, tmp_path: Path
) -> None:
    """It listed those first that it found, and the report came in another order."""
    loaded = only(tmp_path, "architecture")
    store = Store(tmp_path / "results")
    first = run(loaded, store, Quiet())
    (store.records_folder / first.manifest.records[1]).unlink()
    second = run(loaded, Store(tmp_path / "results"), Quiet())
    records = [store.get(name) for name in second.manifest.records]
    assert [one.entry for one in records if one] == [
        *("one:small@w1", "one:wide@w1", "two:small@w1", "two:wide@w1", "two:deep@w1"),
        *(first for first, _ in world.PAIRS),
    ]


def test_a_schedule_that_lost_its_control_is_measured_again_as_a_whole(
    calls: Path, tmp_path: Path
) -> None:
    """Without a control no difference counts; the run called it finished."""
    loaded = only(tmp_path, "latency")
    store = Store(tmp_path / "results")
    first = run(loaded, store, Quiet())
    assert len(first.manifest.records) == 3
    for name in first.manifest.records:
        record = store.get(name)
        if record is not None and getattr(record.values, "repeat", 0) == 1:
            (store.records_folder / name).unlink()
    second = run(loaded, Store(tmp_path / "results"), Quiet())
    assert second.measured == 3
    assert not set(second.manifest.records) & set(first.manifest.records)
    groups = {getattr(store.get(name).values, "group", "") for name in second.manifest.records}  # type: ignore[union-attr]
    assert len(groups) == 1


def test_two_measurements_of_one_thing_keep_their_own_predictions(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions were named by what was asked alone: the second replaced the first's."""
    loaded = only(tmp_path, "accuracy")
    store = Store(tmp_path / "results")
    run(loaded, store, Quiet())
    from zoodiff.accuracy import recording

    original = recording.to_parquet
    monkeypatch.setattr(recording, "to_parquet", lambda stored: original(stored) + b" ")
    run(loaded, store, Quiet(), fresh=True)
    found = verify(store.files)
    assert (found.records, found.attachments, found.problems) == (6, 6, ())
