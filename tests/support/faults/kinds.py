"""The faults: each begins a run, does something to it, and returns when the run is over."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from support.faults import disk, forked
from support.faults.checks import Wrong
from support.faults.world import Run

LIMIT = 120.0
"""Seconds after which a run counts as hanging."""
STEPS = 130
"""Steps of writing in an undisturbed run, a little more."""


@dataclass
class Case:
    """One fault: its own folder, store and random numbers."""

    folder: Path
    study: Path
    rng: random.Random
    seconds: float
    """How long an undisturbed run takes."""
    real_workers: bool
    harmless: bool = True
    """Whether the store must be whole right after the fault."""
    runs: list[Run] = field(default_factory=list)
    families: dict[int, float] = field(default_factory=dict)
    """Processes that belonged to runs, with when they began."""
    said: str = ""

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def run(self, name: str, *patches: Callable[[], None], options: tuple[str, ...] = ()) -> Run:
        """A run that has begun."""
        own = [] if self.real_workers else [forked.install]
        made = Run(
            self.results, self.study, self.folder, name, [*own, *patches], list(options)
        ).start()
        self.runs.append(made)
        return made

    def moment(self) -> float:
        return self.rng.uniform(0, self.seconds * (3 if self.real_workers else 1))

    def pause(self, run: Run, seconds: float) -> None:
        """Wait, or until the run is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and run.poll() is None:
            time.sleep(0.002)

    def workers(self, run: Run) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(run.pid).children(recursive=True)
            for one in found:
                with contextlib.suppress(psutil.Error):
                    self.families[one.pid] = one.create_time()
            return list(found)
        return []

    def end(self, run: Run) -> int:
        """Wait for a run; one that hangs is wrong."""
        end = time.monotonic() + LIMIT
        while run.poll() is None:
            if time.monotonic() > end:
                os.kill(run.pid, signal.SIGABRT)
                run.wait()
                raise Wrong(f"{run.name} hung:\n{run.log.read_text()[-3000:]}")
            time.sleep(0.005)
        assert run.code is not None
        return run.code

    def no_worker_left(self) -> None:
        """Raise Wrong where a worker outlives its run by more than a while."""
        end = time.monotonic() + 20
        while True:
            left = []
            for pid, began in self.families.items():
                with contextlib.suppress(psutil.Error):
                    one = psutil.Process(pid)
                    if one.create_time() == began and one.status() != psutil.STATUS_ZOMBIE:
                        left.append(pid)
            if not left:
                return
            if time.monotonic() > end:
                raise Wrong(f"workers outlived their run: {left}")
            time.sleep(0.05)


Fault = Callable[[Case], None]


def kill_parent(case: Case) -> None:
    """kill -9 of the run at any moment."""
    run = case.run("faulted")
    case.pause(run, case.moment())
    case.workers(run)
    if run.poll() is None:
        os.kill(run.pid, signal.SIGKILL)
    case.end(run)


def kill_parent_writing(case: Case) -> None:
    """kill -9 of the run between two steps of writing a file."""
    case.end(case.run("faulted", disk.killed_at(case.rng.randrange(STEPS))))


def kill_parent_twice(case: Case) -> None:
    """kill -9 of a run, and of the run that goes on from it."""
    for name in ("faulted", "again"):
        case.end(case.run(name, disk.killed_at(case.rng.randrange(STEPS // 2))))


def interrupt(case: Case) -> None:
    """Ctrl-C, or what a scheduler sends."""
    run = case.run("faulted")
    case.pause(run, case.moment())
    if run.poll() is None:
        os.kill(run.pid, case.rng.choice([signal.SIGINT, signal.SIGTERM]))
    case.end(run)


def kill_worker(case: Case) -> None:
    """kill -9 of one worker; the run goes on without what it did."""
    run = case.run("faulted")
    case.pause(run, case.moment())
    _kill_some(case, run, 1)
    case.end(run)


def kill_workers(case: Case) -> None:
    """kill -9 of whatever workers there are, several times."""
    run = case.run("faulted")
    for _ in range(4):
        case.pause(run, case.moment() / 4)
        _kill_some(case, run, 9)
    case.end(run)


def _kill_some(case: Case, run: Run, most: int) -> None:
    end = time.monotonic() + 1
    while not (found := case.workers(run)) and run.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    case.rng.shuffle(found)
    for one in found[:most]:
        with contextlib.suppress(psutil.Error):
            one.kill()


def full_disk(case: Case) -> None:
    """From some step on the disk is full; what was begun is cut off."""
    case.end(case.run("faulted", disk.failing_from(case.rng.randrange(STEPS), disk.FULL)))


def read_only(case: Case) -> None:
    """From some step on the disk takes nothing."""
    case.end(case.run("faulted", disk.failing_from(case.rng.randrange(STEPS), disk.READ_ONLY)))


def full_disk_mounted(case: Case) -> None:
    """A file system of a few pages; it grows before the run is resumed."""
    with_mount(case, f"size={case.rng.randrange(2, 30)}p", lambda run: None, "size=64m")


def read_only_mounted(case: Case) -> None:
    """A file system that is made read-only at any moment, and writable before the resumption."""

    def lock(run: Run) -> None:
        case.pause(run, case.moment())
        while run.poll() is None and not _mount(case.results, "remount,ro"):
            time.sleep(0.001)

    with_mount(case, "size=64m", lock, "rw")


def with_mount(case: Case, options: str, act: Callable[[Run], None], after: str) -> None:
    case.results.mkdir()
    if not _mount(case.results, options):
        case.said = "no mounts here: by injected errors"
        case.results.rmdir()
        full_disk(case) if "p" in options else read_only(case)
        return
    run = case.run("faulted")
    act(run)
    case.end(run)
    if not _mount(case.results, f"remount,{after}"):
        raise Wrong("the file system cannot be mended")


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options.replace("p", "", 0), "tmpfs", str(folder)]
    if options.endswith("p"):
        pages = int(options.removeprefix("size=").removesuffix("p"))
        command[4] = f"size={pages * os.sysconf('SC_PAGE_SIZE')}"
    try:
        return (
            subprocess.run(command, capture_output=True, check=False, timeout=600).returncode == 0
        )
    except OSError:
        return False


def unmount(folder: Path) -> None:
    """Undo ``with_mount``, where there was one."""
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=False, timeout=600)


def no_memory(case: Case) -> None:
    """At any moment the run gets no more memory."""
    run = case.run("faulted")
    case.pause(run, case.moment())
    _starve(run.pid, case.rng)
    case.end(run)


def no_memory_worker(case: Case) -> None:
    """At any moment a worker gets no more memory."""
    run = case.run("faulted")
    case.pause(run, case.moment())
    found = case.workers(run)
    if found:
        _starve(case.rng.choice(found).pid, case.rng)
    case.end(run)


def _starve(pid: int, rng: random.Random) -> None:
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        limit = process.memory_info().vms + rng.randrange(0, 2**20)
        process.rlimit(psutil.RLIMIT_AS, (limit, limit))


def clock(case: Case) -> None:
    """The clock jumps, and the run is killed between two steps of writing."""
    jump = disk.jumping_clock(case.rng.randrange(2**31))
    case.end(case.run("faulted", jump, disk.killed_at(case.rng.randrange(STEPS))))


def two_runs(case: Case) -> None:
    """Two runs on one store at the same time."""
    first = case.run("faulted")
    case.pause(first, case.rng.uniform(0, case.seconds / 4))
    second = case.run("beside")
    for run in (first, second):
        if case.end(run) != 0:
            raise Wrong(f"{run.name} ended with {run.code}:\n{run.log.read_text()[-2000:]}")
    described = sum(
        line.startswith("describe")
        for run in (first, second)
        if run.calls.exists()
        for line in run.calls.read_text().splitlines()
    )
    # Graphs of these zoos are not cached: three are described again to compare them.
    if described != 8:
        raise Wrong(f"two runs described {described} networks, there are 5, and 3 to compare")


def two_runs_one_killed(case: Case) -> None:
    """Two runs on one store, one of which is killed: the other does the rest."""
    first = case.run("faulted")
    second = case.run("beside")
    case.pause(first, case.moment())
    if first.poll() is None:
        case.workers(first)
        os.kill(first.pid, signal.SIGKILL)
    case.end(first)
    if case.end(second) != 0:
        raise Wrong(f"the other ended with {second.code}:\n{second.log.read_text()[-2000:]}")


def power(case: Case) -> None:
    """The machine loses its power: what was not flushed is not what it was."""
    case.harmless = False
    journal = case.folder / "journal"
    case.end(case.run("faulted", disk.without_power_at(case.rng.randrange(STEPS), journal)))
    case.said = f"{disk.lose_power(journal, case.rng)} files hit"


def rot(case: Case) -> None:
    """A run is killed, or finishes, and then some files are damaged at rest."""
    case.harmless = False
    case.end(case.run("faulted", disk.killed_at(case.rng.randrange(STEPS * 2))))
    files = [p for p in sorted(case.results.rglob("*")) if p.is_file() and p.name[0] != "."]
    chosen = case.rng.sample(files, min(len(files), case.rng.randrange(1, 4)))
    for path in chosen:
        raw = bytearray(path.read_bytes())
        how = case.rng.randrange(5)
        if how == 0 or not raw:
            path.unlink()
            continue
        if how == 1:
            raw = raw[: case.rng.randrange(len(raw))]
        elif how == 2:
            raw = bytearray(len(raw))
        elif how == 3:
            raw[case.rng.randrange(len(raw))] ^= 1 << case.rng.randrange(8)
        else:
            digits = [k for k, byte in enumerate(raw) if chr(byte).isdigit()]
            place = case.rng.choice(digits or [0])
            raw[place] = ord(str((raw[place] + 1) % 10))
        path.write_bytes(raw)
    case.said = f"{len(chosen)} files damaged"


KINDS: dict[str, tuple[Fault, int]] = {
    "kill -9 of the run, any moment": (kill_parent, 4),
    "kill -9 of the run, while it writes": (kill_parent_writing, 6),
    "kill -9 of the run and of the next": (kill_parent_twice, 2),
    "Ctrl-C or SIGTERM": (interrupt, 2),
    "kill -9 of a worker": (kill_worker, 4),
    "kill -9 of all workers, again and again": (kill_workers, 2),
    "disk full": (full_disk, 2),
    "disk full, a real one": (full_disk_mounted, 2),
    "disk read-only": (read_only, 1),
    "disk read-only, a real one": (read_only_mounted, 1),
    "no memory for the run": (no_memory, 2),
    "no memory for a worker": (no_memory_worker, 2),
    "clock jumps": (clock, 2),
    "two runs on one store": (two_runs, 2),
    "two runs, one killed": (two_runs_one_killed, 2),
    "power lost": (power, 3),
    "files damaged at rest": (rot, 3),
}
"""Each with its share of the faults of a campaign."""
