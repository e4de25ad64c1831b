"""Opens hostile inputs as a command does, each in a process of its own, and measures that process.

The processes are forked from one that has imported and used everything before, so what they take is
what the input makes them take.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

from support.security.hostile import Trick

_CONTEXT = multiprocessing.get_context("forkserver")


@cache
def _ready() -> None:
    """Start the process that the others are forked from."""
    _CONTEXT.set_forkserver_preload(["support.security.parent_imports"])
    before = os.environ.get("PYTHONPATH")
    # It looks for what it is to import along its own path.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), before or ""])
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@dataclass(frozen=True)
class Opened:
    """What opening an input came to."""

    said: str
    """The sentence with which it was refused, empty where it was opened."""
    proper: bool
    """Whether that was an error that zoodiff raises on purpose."""
    seconds: float
    processor: float
    """Seconds of processor time of the process itself."""
    megabytes: float
    """The most that the process held at any time, above what it held before."""


def opened(trick: Trick, path: Path, seconds: float) -> Opened | None:
    """What came of opening a hostile input; None where that took longer than ``seconds``."""
    _ready()
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_open, args=(trick.opened, str(path), theirs))
    begin = time.perf_counter()
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            return None
        return ours.recv()
    except EOFError:
        return Opened("the process ended", False, time.perf_counter() - begin, 0.0, 0.0)
    finally:
        process.kill()
        process.join()
        ours.close()


def _open(how: str, path: str, link: Connection) -> None:
    from support.security import parent_imports
    from zoodiff.errors import ZoodiffError

    before = _megabytes("VmRSS")
    begin, used = time.perf_counter(), time.process_time()
    said, proper = "", True
    try:
        parent_imports.HOW[how](Path(path))
    except ZoodiffError as error:
        said = str(error)
    except BaseException as error:  # what the command would print a traceback for
        said, proper = f"{type(error).__name__}: {error}"[:300], False
    seconds = time.perf_counter() - begin
    used = time.process_time() - used
    link.send(Opened(said, proper, seconds, used, _megabytes("VmHWM") - before))


def _megabytes(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(key)
