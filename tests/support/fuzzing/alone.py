"""Targets under atheris, each in a fork of its own: ``python -m support.fuzzing.alone TARGET ...``.

What the target raises is kept and fuzzing goes on; what ends the process (a segmentation fault,
an abort, a hang) is left to libFuzzer, which writes the input down.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from random import Random

import atheris

_INSTRUMENTED = ["zoodiff", "tarfile", "tomllib"]
with atheris.instrument_imports(include=_INSTRUMENTED):
    from support.fuzzing.registry import TARGETS
    from support.fuzzing.target import scratch
    from zoodiff.errors import ZoodiffError

GRACE = 300
"""Seconds that seeds may take beside fuzzing."""
TOO_LATE = 1 << 20
"""Added to the status of a fork that ran on after its time."""
SLOW_SECONDS = 5.0
"""Processor time of one input beyond which it counts as a hang."""
LARGE = 1 << 30
"""Bytes by which one input may let the process grow."""
_ROOM = 2 << 30
"""Bytes of address space beyond what the seeds need."""
_CHANGES = (1, 1, 1, 2, 3, 5)


def main() -> None:
    """Import what the targets need, once; then fuzz in a fork for each line of the input.

    A line is target, seconds and seed; the answer is how the fork ended, as ``os.waitpid`` has it.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in options.targets:
        target = TARGETS[name]
        # TensorFlow's threads do not survive a fork, so there the first use comes behind it.
        if "tensorflow" in target.needs:
            importlib.import_module("tensorflow")
            continue
        with atheris.instrument_imports(include=_INSTRUMENTED), contextlib.suppress(Exception):
            for seed in target.seeds():
                target.parse(seed)
    for line in sys.stdin:
        name, seconds, number = line.split()
        print(_forked(name, int(seconds), int(number), options.folder), file=answers, flush=True)


def _forked(name: str, seconds: int, number: int, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        try:
            fuzz(name, seconds, number, folder)
        finally:
            os._exit(70)
    end = time.monotonic() + seconds + GRACE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.2)
    os.kill(child, signal.SIGKILL)
    return TOO_LATE + os.waitpid(child, 0)[1]


def fuzz(name: str, seconds: int, number: int, folder: Path) -> None:
    """Fuzz until the time is over; libFuzzer ends the process."""
    scratch.cache_clear()  # the fork's own
    target = TARGETS[name]
    corpus, found = folder / "corpus" / target.name, folder / "found" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=_INSTRUMENTED):
        # Whatever a target imports when it is first used is imported here.
        seeds = [*target.seeds(), *(target.more() if not any(corpus.iterdir()) else ())]
        judge = Judge(target.parse, found, folder / f"{target.name}.stats")
        for seed in seeds:
            (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
            judge(seed)
    limit_memory()
    longest = max(len(path.read_bytes()) for path in corpus.iterdir())

    def mutate(data: bytes, size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, size))
        for _ in range(random.choice(_CHANGES)):
            data = target.mutate(data, random)
        return data[:size]

    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={max(4096, 2 * longest)}",
            f"-artifact_prefix={found}/",
            f"-seed={number or 1}",
            "-timeout=300",  # of the wall: on a busy machine an input may wait for long
            f"-rss_limit_mb={4096}",
            "-print_final_stats=0",
            "-verbosity=0",
            "-len_control=0",
            "-close_fd_mask=1",
            str(corpus),
        ],
        judge,
        custom_mutator=mutate,
    )
    judge.begin, judge.processor = time.monotonic(), time.process_time()
    # What libraries do at the exit they do for threads that a fork does not have, and crash.
    ctypes.CDLL(None).on_exit(_END, None)
    atheris.Fuzz()


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
def _END(status: int, _: int | None) -> None:
    """End the process here and now."""
    os._exit(status)


class Judge:
    """Calls the parser, counts, and keeps the first input for each kind of failure."""

    def __init__(self, parse: object, folder: Path, stats: Path) -> None:
        self._parse, self._folder, self._stats = parse, folder, stats
        self._kinds: dict[str, int] = {}
        self._runs = self._refused = 0
        self.begin = self._written = time.monotonic()
        self.processor = time.process_time()
        self._peak = _peak()

    def __call__(self, data: bytes) -> None:
        before = time.process_time()
        try:
            self._parse(data)  # type: ignore[operator]
        except ZoodiffError:
            self._refused += 1
        except Exception as error:
            self._keep(kind_of(error), data, traceback.format_exc())
        took, peak = time.process_time() - before, _peak()
        self._runs += 1
        if took > SLOW_SECONDS:
            self._keep("slow", data, f"{took:.1f} s of processor time")
        if peak - self._peak > LARGE:
            self._keep("large", data, f"{(peak - self._peak) / 2**30:.1f} GiB")
        self._peak = max(peak, self._peak)
        if time.monotonic() - self._written > 1:
            self._write()

    def _keep(self, kind: str, data: bytes, why: str) -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        name = hashlib.sha256(kind.encode()).hexdigest()[:12]
        held = self._folder / f"{name}.input"
        if not held.exists() or len(data) < held.stat().st_size:
            held.write_bytes(data)
            (self._folder / f"{name}.txt").write_text(f"{kind}\n{why}\n", errors="replace")
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        facts = {
            "seconds": self._written - self.begin,
            "processor": time.process_time() - self.processor,
            "runs": self._runs,
            "refused": self._refused,
            "kinds": self._kinds,
        }
        temporary = self._stats.with_suffix(".tmp")
        temporary.write_text(json.dumps(facts))
        temporary.replace(self._stats)


def kind_of(error: BaseException) -> str:
    """The type of an error and the innermost places that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/zoodiff/" in f.filename]
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in (*own[-1:], *frames[-1:])]
    return " ".join([type(error).__name__, *dict.fromkeys(places)])


def limit_memory() -> None:
    """Let allocations fail that go far beyond what the seeds needed."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
