"""The process that parses containers has little memory, little time, and opens nothing."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest

from zoodiff.data.containers import process
from zoodiff.data.containers.process import Container, ContainerError, MemorySource

_CONFINED = """
from zoodiff.data.containers import child
kind, _ = child._prepared("images")
child._limit(child.MEMORY[kind])
child._confine()
"""


def table(images: list[bytes | None], labels: list[int], **more: object) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": images, "label": labels}), buffer, **more)
    return buffer.getvalue()


def confined(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CONFINED + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/hostname')",
        "open('written', 'w')",
        "import socket; socket.socket()",
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.kill(os.getppid(), 0)",
        "import os; os.listdir('/')",
        "import os; os.unlink('/nothing')",
        "import resource as r; r.prlimit(__import__('os').getppid(), r.RLIMIT_CPU)",
    ],
)
def test_the_process_may_call_for_nothing(code: str) -> None:
    pytest.importorskip("pyseccomp")
    done = confined(code)
    assert done.returncode == 1, done
    assert "PermissionError" in done.stderr


def test_the_process_has_little_memory() -> None:
    done = confined("print(len(bytearray(1 << 28))); bytearray(1 << 31)")
    assert done.stdout == f"{1 << 28}\n"
    assert "MemoryError" in done.stderr


def test_the_process_has_little_time() -> None:
    done = confined("child._allow(1, anew=True)\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU


def test_images_of_groups_of_rows_come_in_any_order() -> None:
    images = [bytes([k]) * (k + 1) for k in range(200)]
    content = table(images, list(range(200)), row_group_size=70)
    container = Container([MemorySource(content)])
    said, labels = container.ask("images", most=1000)
    assert (said["rows"], said["column"]) == (200, "image")
    assert np.frombuffer(labels, "<i8").tolist() == list(range(200))
    order = np.random.default_rng(0).permutation(200).tolist()
    for row in (*range(200), *reversed(range(200)), *order):
        assert container.ask("image", column="image", row=row, most=1000)[1] == images[row]
    container.close()


def test_threads_read_at_the_same_time() -> None:
    images = [os.urandom(1000) for _ in range(300)]
    container = Container([MemorySource(table(images, [0] * 300))])
    wrong = []

    def read(start: int) -> None:
        for row in range(start, 300, 4):
            if container.ask("image", column="image", row=row, most=10_000)[1] != images[row]:
                wrong.append(row)

    threads = [threading.Thread(target=read, args=(k,)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    container.close()


def test_a_process_that_somebody_ended_is_started_again() -> None:
    before = _children()
    container = Container([MemorySource(table([b"a"], [1]))])
    container.ask("images", most=10)
    (child,) = _children() - before
    os.kill(child, signal.SIGKILL)
    assert container.ask("images", most=10)[0]["rows"] == 1
    assert _children() - before != {child}
    container.close()
    assert not _children() - before


def test_the_process_ends_with_whoever_asked_it() -> None:
    before = _children()
    container = Container([MemorySource(table([b"a"], [1]))])
    container.ask("images", most=10)
    assert len(_children() - before) == 1
    del container
    gc.collect()
    assert not _children() - before


def _children() -> set[int]:
    """The processes that this thread started; other tests leave some that are not of here."""
    path = f"/proc/self/task/{threading.get_native_id()}/children"
    with open(path) as file:  # noqa: PTH123
        return {int(number) for number in file.read().split()}


class _Lying:
    """Stands for a process whose answers are an attacker's."""

    def __init__(self, answers: list[tuple[dict[str, object], bytes]]) -> None:
        self._answers = answers

    def send(self, message: dict[str, object], content: bytes = b"") -> None:
        """Nothing hears it."""

    def receive(self, longest: int) -> tuple[dict[str, object], bytes] | None:
        return self._answers.pop(0) if self._answers else None


@pytest.mark.parametrize(
    "read",
    [[0, 0, 1 << 40], [0, -5, 10], [7, 0, 10], [-1, 0, 10], [0, 0, -1]],
)
def test_a_process_that_asks_for_too_much_is_ended(read: list[int]) -> None:
    container = Container([MemorySource(b"abc")])
    link = _Lying([({"read": read}, b"")])
    with pytest.raises(ContainerError, match="requests bytes that it does not have"):
        container._answer(link, [MemorySource(b"abc")], 3, 10)  # type: ignore[arg-type]


def test_a_process_that_asks_for_ever_is_ended() -> None:
    container = Container([MemorySource(b"abc")])
    link = _Lying([({"read": [0, 0, 3]}, b"")] * 100_000)
    with pytest.raises(ContainerError, match="requests bytes that it does not have"):
        container._answer(link, [MemorySource(b"abc")], 3, 10)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", [lambda link: link._socket.sendall(b"\xff" * 8), None])
def test_answers_that_are_none_are_errors(how: Callable[..., None] | None) -> None:
    import socket

    from zoodiff.data.containers.frames import BrokenFrameError, Link

    ours, theirs = (Link(one) for one in socket.socketpair())
    if how is None:
        theirs.send({"a": 1}, b"x" * 100)
        with pytest.raises(BrokenFrameError):
            ours.receive(longest=99)
    else:
        how(theirs)
        with pytest.raises(BrokenFrameError):
            ours.receive()
    theirs.close()
    ours.close()


def test_a_process_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _children()
    monkeypatch.setattr(process, "SILENCE", 0.5)
    monkeypatch.setattr(process, "_START", "import time; time.sleep(60)")
    container = Container([MemorySource(b"abc")])
    with pytest.raises(ContainerError, match="takes more than"):
        container.ask("images", most=10)
    assert not _children() - before


def test_where_a_row_holds_no_image_the_others_do() -> None:
    container = Container([MemorySource(table([b"a", None, b"c"], [1, 2, 3]))])
    said = [container.ask("image", column="image", row=row, most=9)[0]["size"] for row in range(3)]
    assert said == [1, -1, 1]
    container.close()
