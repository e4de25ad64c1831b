import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest

from zoodiff.store import leases
from zoodiff.store.files import LocalFiles
from zoodiff.store.leases import BeatingLeases, LocalLeases, leases_of, waiting_for
from zoodiff.store.open import open_files

HOLD = """
import sys, time
from pathlib import Path
from zoodiff.store.leases import LocalLeases
lease = LocalLeases(Path(sys.argv[1])).take("task")
print("held" if lease else "refused", flush=True)
time.sleep(600)
"""


def memory() -> str:
    pytest.importorskip("fsspec")
    return f"memory://{uuid.uuid4()}"


@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_lease_is_had_once_and_can_be_had_again(kind: str, tmp_path: Path) -> None:
    where = str(tmp_path) if kind == "folder" else memory()
    mine, others = leases_of(open_files(where)), leases_of(open_files(where))
    lease = mine.take("task")
    assert lease is not None
    assert others.take("task") is None
    assert mine.take("other") is not None
    assert f"process {os.getpid()} on" in others.holder("task")
    lease.release()
    lease.release()
    again = others.take("task")
    assert again is not None
    assert mine.take("task") is None


def test_the_lease_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    mine = LocalLeases(tmp_path)
    assert mine.take("task") is None
    assert mine.holder("task").startswith(f"process {process.pid} on")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert mine.take("task") is not None


def test_a_released_lease_leaves_no_file(tmp_path: Path) -> None:
    lease = LocalLeases(tmp_path).take("task")
    assert lease is not None
    lease.release()
    assert list((tmp_path / "leases").iterdir()) == []


def test_who_waits_gets_the_lease_when_it_is_free(tmp_path: Path, monkeypatch) -> None:
    mine, others = LocalLeases(tmp_path), LocalLeases(tmp_path)
    lease = others.take("task")
    assert lease is not None
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        lease.release()

    monkeypatch.setattr(leases.time, "sleep", wait)
    with waiting_for(mine, "task"):
        assert others.take("task") is None
    assert waited
    assert others.take("task") is not None


def test_signs_of_life_keep_a_lease_at_an_address() -> None:
    where = memory()
    mine = BeatingLeases(open_files(where), beat=0.02)
    others = BeatingLeases(open_files(where), beat=0.02)
    lease = mine.take("task")
    assert lease is not None
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        assert others.take("task") is None
        time.sleep(0.01)
    lease.release()


def test_a_lease_without_signs_of_life_is_taken_over_whatever_the_clock_says(monkeypatch) -> None:
    """The owner is of another machine, so that nobody can look whether it lives."""
    files = open_files(memory())
    owner = {"host": "elsewhere", "boot": "another", "pid": 1, "token": "t", "beat": 7}
    files.write("leases/task.json", json.dumps(owner).encode())
    mine = BeatingLeases(files, beat=0.05)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert mine.take("task") is None
    end = time.monotonic() + 30
    while (lease := mine.take("task")) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert json.loads(files.read("leases/task.json"))["pid"] == os.getpid()
    lease.release()
    with pytest.raises(FileNotFoundError):
        files.read("leases/task.json")


def test_the_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    files = open_files(memory())
    mine = BeatingLeases(files, beat=0.05)
    held = mine.take("task")
    assert held is not None
    owner = json.loads(files.read("leases/task.json"))
    files.write("leases/dead.json", json.dumps(owner | {"pid": process.pid}).encode())
    assert mine.take("dead") is not None


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b'{"pid": "x"}', b'{"pid": 1e400}'])
def test_a_lease_that_is_no_lease_is_somebodys(content: bytes) -> None:
    files = open_files(memory())
    files.write("leases/task.json", content)
    mine = BeatingLeases(files)
    assert mine.take("task") is None
    assert mine.holder("task") == "another process"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("")
    from zoodiff.errors import StoreError

    with pytest.raises(StoreError, match="cannot write the results folder"):
        leases_of(LocalFiles(tmp_path)).take("task")
