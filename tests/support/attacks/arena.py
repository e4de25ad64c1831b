"""A world around an attacking worker: files of a user's, and what is seen of them afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from zoodiff.workers import process
from zoodiff.workers.exchange import outgoing
from zoodiff.workers.limits import Limits
from zoodiff.workers.process import Worker
from zoodiff.workers.sandbox import bubblewrap
from zoodiff.workers.sandbox.available import protections
from zoodiff.workers.scratch import PREFIX
from zoodiff.zoos.base import WorkerSpec

from .table import Given

TESTS = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join([str(TESTS / "fakes"), str(TESTS)])
"""Where a worker finds the attacker's backend."""
DEVICES = (
    "tty", "ptmx", "console", "tty0", "mem", "kmsg", "vda", "sda", "loop0", "fuse", "kvm", "hpet",
    "loop-control", "userfaultfd", "vsock", "net/tun", "snapshot", "btrfs-control", "rtc0",
)  # fmt: skip


@dataclass(frozen=True)
class Arena:
    """A worker of an attacker's, and the world that it must not change."""

    worker: Worker
    given: Given
    watched: tuple[Path, ...]

    def facts(self) -> dict[str, object]:
        """Everything about the watched files that somebody could change."""
        return {
            str(path): _facts(path)
            for top in self.watched
            for path in (top, *sorted(top.rglob("*")))
        }

    def held(self) -> tuple[int, int, int]:
        """How many descriptors, processes and temporary folders this process has."""
        places = {Path("/dev/shm"), Path(tempfile.gettempdir())}
        name = f"{PREFIX}{self.worker.spec.name}-*"
        folders = [folder for place in places for folder in place.glob(name)]
        children = psutil.Process().children(recursive=True)
        descriptors = list(Path("/proc/self/fd").iterdir())
        return len(descriptors), len(children), len(folders)


def _facts(path: Path) -> object:
    seen = path.lstat()
    names = os.listxattr(path, follow_symlinks=False)
    return (
        (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_size, seen.st_nlink, seen.st_ino),
        (seen.st_mtime_ns, seen.st_ctime_ns),
        {name: os.getxattr(path, name, follow_symlinks=False) for name in names},
        path.read_bytes() if path.is_file() and not path.is_symlink() else None,
    )


def peak_growth() -> Iterator[int]:
    """Bytes by which this process's peak of memory grows from the first value to the second."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    yield 0
    yield _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def skip_unless_possible(mode: str) -> None:
    """Skip a test where this machine lacks what it is about."""
    if mode == "bubblewrap" and bubblewrap.missing():
        pytest.skip(bubblewrap.missing())
    weak = [p for p in protections() if p.name in {"landlock", "seccomp"} and not p.in_force]
    if weak:
        pytest.skip(f"{weak[0].name}: {weak[0].reason}")


def furnish(guard: Path) -> None:
    """Make the folder of a user's, in place of what there is."""
    shutil.rmtree(guard, ignore_errors=True)
    (guard / "folder").mkdir(parents=True)
    (guard / "there").write_text("mine")
    (guard / "long").write_bytes(bytes(range(256)) * 4096)
    (guard / "folder" / "inner").write_text("mine too")
    (guard / "link").symlink_to("there")
    with contextlib.suppress(OSError):
        os.setxattr(guard / "there", b"user.kept", b"x")


def _openable(path: str) -> bool:
    """Whether somebody whom nothing confines may open a device."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
        return True
    return False


@contextlib.contextmanager
def arena(mode: str, place: Path) -> Iterator[Arena]:
    """A world with a worker in it: confined with ``bubblewrap``, by the ``kernel`` alone, ``free``.

    ``place`` is an empty folder.
    """
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        home, guard = place / "home", place / "guard"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "id").write_text("key")
        furnish(guard)
        patch.setenv("HOME", str(home))
        patch.setenv("ZOODIFF_HOME", str(home / "zoodiff"))
        if mode == "kernel":
            patch.setattr(bubblewrap, "missing", lambda: "not wanted here")
        if mode == "free":
            (place / "temporary").mkdir()
            patch.setenv("TMPDIR", str(place / "temporary"))
        original = process.worker_environment
        patch.setattr(
            process,
            "worker_environment",
            lambda *a, **k: original(*a, **k) | {"PYTHONPATH": PATHS},
        )
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind(str(place / "socket"))
        local.listen()
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{place / 'socket'}")
        abstract.listen()
        shared = outgoing().put(np.arange(16))
        stack.callback(outgoing().remove, shared)
        memory = stack.enter_context(_shared_memory())
        given = Given(
            guard=str(guard),
            home=str(home),
            key=str(home / ".ssh" / "id"),
            outgoing=str(outgoing().path),
            shared=str(outgoing().path / shared["$array"]),
            parent=os.getpid(),
            port=server.getsockname()[1],
            socket=str(place / "socket"),
            memory=memory,
            devices=tuple(f"/dev/{name}" for name in DEVICES if _openable(f"/dev/{name}")),
            confined=mode != "free",
        )
        limits = Limits(seconds=20, memory_bytes=500_000_000)
        # Other runs of these tests on the machine have folders of workers too.
        spec = WorkerSpec(
            name=f"attacked{os.getpid()}",
            backend="attacking_backend:make",
            confined=mode != "free",
            distributions=("numpy",),
        )
        with Worker(spec, limits=limits) as worker:
            yield Arena(worker, given, (guard, home, outgoing().path))


@contextlib.contextmanager
def _shared_memory() -> Iterator[int]:
    """A segment of shared memory of this user's."""
    library = ctypes.CDLL(None, use_errno=True)
    private, create, remove = 0, 0o1000, 0
    segment = library.shmget(private, 4096, create | 0o600)
    try:
        yield segment
    finally:
        library.shmctl(segment, remove, None)
