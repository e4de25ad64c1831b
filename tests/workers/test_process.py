import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from support.interpreters import TESTS, with_tests
from zoodiff.errors import (
    MeasurementError,
    MissingFrameworkError,
    WeightsUnavailableError,
    WorkerError,
)
from zoodiff.graph.ir import Graph
from zoodiff.workers.exchange import outgoing
from zoodiff.workers.limits import Limits
from zoodiff.workers.process import Worker, worker_environment


def test_describing_goes_through_although_the_framework_prints(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        answer = worker.call("describe", doing="describing small", model="small", weights="w1")
        assert Graph.from_dict(answer["graph"]).nodes[0].parameters[0].size == 12
        assert "noise" in worker.printed()


def test_predictions_travel_as_arrays(fake_zoo) -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    with Worker(fake_zoo.worker) as worker:
        worker.call("load", doing="", handle="h", model="small", weights=None, seed=1, threads=1)
        answer = worker.call(
            "predict", doing="", handle="h", images=worker.put_array(images), batch=2
        )
        outputs = worker.get_array(answer["outputs"])
    expected = images.astype(np.float32).transpose(0, 3, 1, 2).reshape(5, -1)[:, :4] * 2
    np.testing.assert_array_equal(outputs, expected)


def test_a_network_that_takes_no_weights_says_so(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        worker.call("load", doing="", handle="h", model="small", weights=None, seed=1, threads=1)
        for method, params in (("weights", {}), ("assign", {"weights": {}})):
            with pytest.raises(MeasurementError, match="do not take weights"):
                worker.call(method, doing="", handle="h", **params)


def test_a_crash_is_one_sentence_and_the_next_request_works(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        with pytest.raises(WorkerError, match=r"died while describing crashes.*SIGSEGV"):
            worker.call("describe", doing="describing crashes", model="crashes", weights=None)
        assert worker.call("hello", doing="")["versions"]["numpy"] == np.__version__
        assert worker.generation == 2


def test_an_exit_code_is_named(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker, pytest.raises(WorkerError, match="exit code 7"):
        worker.call("load", doing="l", handle="h", model="crashes", weights=None, seed=0, threads=1)


def test_a_hanging_worker_is_ended_at_its_time_limit(fake_zoo) -> None:
    with Worker(fake_zoo.worker, limits=Limits(seconds=60)) as worker:
        worker.call("hello", doing="")
        assert worker._process is not None
        pid = worker._process.pid
        begin = time.monotonic()
        with pytest.raises(WorkerError, match=r"ran out of its time.*--worker-seconds"):
            worker.call("describe", doing="d", seconds=0.5, model="hangs", weights=None)
        assert time.monotonic() - begin < 20
        assert not psutil.pid_exists(pid)


def test_a_worker_that_eats_memory_is_ended(fake_zoo) -> None:
    limits = Limits(seconds=60, memory_bytes=400_000_000)
    with (
        Worker(fake_zoo.worker, limits=limits) as worker,
        pytest.raises(WorkerError, match=r"more than 0\.4 GB.*--worker-memory"),
    ):
        worker.call("describe", doing="describing eats", model="eats", weights=None)


def test_errors_of_the_backend_keep_their_kind(fake_zoo) -> None:
    with Worker(fake_zoo.worker) as worker:
        with pytest.raises(WeightsUnavailableError, match="not published"):
            worker.call("describe", doing="d", model="refuses", weights=None)
        with pytest.raises(WorkerError, match="ValueError: a bug in the backend") as caught:
            worker.call("describe", doing="d", model="raises", weights=None)
        assert "Traceback" in caught.value.__notes__[0]
        assert worker.generation == 1


def test_closing_leaves_neither_process_nor_folder(fake_zoo) -> None:
    worker = Worker(fake_zoo.worker)
    worker.call("hello", doing="")
    assert worker._process is not None
    assert worker._incoming is not None
    pid, scratch = worker._process.pid, worker._incoming.path
    assert scratch.is_dir()
    worker.close()
    assert not psutil.pid_exists(pid)
    assert not scratch.exists()


def test_secrets_stay_outside_and_threads_are_declared() -> None:
    outer = {"PATH": "/bin", "HF_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "MY_PASSWORD": "x"}
    inner = worker_environment(outer, 3, Path(sys.executable))
    assert not {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"} & inner.keys()
    assert inner["OMP_NUM_THREADS"] == "3"
    assert inner["PATH"] == "/bin"


def test_a_missing_framework_says_which_extra(fake_zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(fake_zoo), "distributions", ("no-such-distribution",))
    monkeypatch.setattr(type(fake_zoo), "extra", "torch")
    with (
        Worker(fake_zoo.worker) as worker,
        pytest.raises(MissingFrameworkError, match=r'pip install "zoodiff\[torch\]"'),
    ):
        worker.call("hello", doing="")


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
def test_a_worker_dies_with_a_killed_parent(tmp_path) -> None:
    """kill -9 of the parent cannot be handled, yet no worker may be left behind."""
    tests = str(TESTS)
    script = textwrap.dedent(
        f"""
        import time
        import conftest, zoodiff.workers.process as process
        original = process.worker_environment
        fakes = {{"PYTHONPATH": {tests!r} + "/fakes"}}
        process.worker_environment = lambda *a: original(*a) | fakes
        worker = process.Worker(conftest.FakeZoo().worker)
        worker.call("hello", doing="")
        print(worker._process.pid, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=with_tests()
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie":
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["ends", "dies"])
def test_what_a_worker_compiled_goes_with_it(fake_zoo, way: str) -> None:
    with Worker(fake_zoo.worker) as worker:
        worker.forget_compiled("forgetting")
        (folder,) = [one.path for one in worker._caches]
        (folder / "compiled").write_bytes(b"x")
        if way == "dies":
            with pytest.raises(WorkerError):
                worker.call("describe", doing="dying", model="crashes", weights=None)
            assert not folder.exists()
    assert not folder.exists()


def test_each_process_has_a_folder_of_its_own(fake_zoo) -> None:
    """What one left behind, the next does not see."""
    with Worker(fake_zoo.worker) as worker:
        folders = []
        for _ in range(2):
            worker.call("hello", doing="")
            assert worker._incoming is not None
            folders.append(worker._incoming.path)
            with pytest.raises(WorkerError):
                worker.call("describe", doing="dying", model="crashes", weights=None)
    assert folders[0] != folders[1]
    assert not folders[0].exists()


def test_arrays_of_a_request_are_removed_when_it_is_answered(fake_zoo) -> None:
    folder = outgoing().path
    before = set(folder.iterdir())
    with Worker(fake_zoo.worker) as worker:
        worker.call("load", doing="", handle="h", model="small", weights=None, seed=1, threads=1)
        images = worker.put_array(np.zeros((1, 8, 8, 3), np.uint8))
        assert set(folder.iterdir()) != before
        worker.call("predict", doing="", handle="h", images=images, batch=1)
        assert set(folder.iterdir()) == before
        worker.put_array(np.zeros(3))
    assert set(folder.iterdir()) == before


def test_a_request_that_is_not_read_runs_out_of_its_time(fake_zoo) -> None:
    """The pipe is full after some kilobytes; waiting for room would be for ever."""
    with Worker(fake_zoo.worker) as worker:
        worker.call("hello", doing="")
        worker.hold()
        with pytest.raises(WorkerError, match="ran out of its time"):
            worker.call("load_test", doing="", seconds=0.5, handle="h" * 10**7)
