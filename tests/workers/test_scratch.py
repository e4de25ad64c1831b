"""Folders that workers share with their parents, and those of runs that were killed."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.workers.scratch import Scratch, sweep

HOLDS = (
    "import sys, time; from zoodiff.workers.scratch import Scratch; s = Scratch('t'); "
    "print(s.path, flush=True); time.sleep(600)"
)


def long_ago(folder: Path) -> None:
    then = time.time() - 3600
    os.utime(folder, (then, then))


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process with a folder of an hour ago."""
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) as made:
        assert made.stdout
        folder = Path(made.stdout.readline().strip())
        (folder / "1-0.npy").write_bytes(b"x")
        long_ago(folder)
        yield made, folder
        made.kill()
    sweep()


def test_what_a_killed_process_left_is_removed(other: tuple[subprocess.Popen[str], Path]) -> None:
    process, folder = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.exists()
    assert folder in sweep()
    assert not folder.exists()


def test_what_a_living_process_uses_stays(other: tuple[subprocess.Popen[str], Path]) -> None:
    _, folder = other
    assert folder not in sweep()
    assert (folder / "1-0.npy").exists()


def test_a_folder_that_may_be_about_to_be_used_stays() -> None:
    made = Scratch("t")
    unlocked = made.path.with_name(f"{made.path.name}-fresh")
    unlocked.mkdir()
    try:
        assert unlocked not in sweep()
        long_ago(unlocked)
        assert unlocked in sweep()
    finally:
        made.close()


def test_a_closed_folder_is_gone() -> None:
    made = Scratch("t")
    assert made.path.is_dir()
    made.close()
    assert not made.path.exists()


def test_a_folder_is_removed_with_the_last_that_knows_it() -> None:
    made = Scratch("t")
    path = made.path
    del made
    gc.collect()
    assert not path.exists()


def test_removing_a_folder_follows_no_link(tmp_path: Path) -> None:
    """Python's own ``TemporaryDirectory`` changed the rights of what a link pointed to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    outside.chmod(0o755)
    made = Scratch("t")
    (made.path / "link").symlink_to(outside)
    (made.path / "folder").mkdir()
    (made.path / "folder" / "link").symlink_to(outside / "file")
    (made.path / "folder").chmod(0o500)
    made.close()
    assert not made.path.exists()
    assert (outside.stat().st_mode & 0o777, (outside / "file").exists()) == (0o755, True)


def test_a_folder_that_is_still_written_to_is_removed_in_the_end() -> None:
    made = Scratch("t")
    end = time.monotonic() + 0.3

    def write() -> None:
        number = 0
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                (made.path / str(number % 50)).write_bytes(b"x")
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    made.close()
    thread.join()
    assert not made.path.exists()


def test_a_forked_process_removes_no_folder_of_its_parent() -> None:
    made = Scratch("t")
    if (child := os.fork()) == 0:
        made.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert made.path.is_dir()
    made.close()
