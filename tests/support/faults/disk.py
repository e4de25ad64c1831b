"""A disk that fails: what is put in the place of writing files, inside a run."""

from __future__ import annotations

import datetime
import errno
import json
import os
import random
import signal
import time
import types
from collections.abc import Callable
from pathlib import Path

from zoodiff.host import provenance
from zoodiff.store import files

Step = Callable[[], None]


def _install(step: Step, note: Callable[..., None] = lambda *_: None) -> None:
    """Write as ``files`` does, in steps, between any of which something may happen."""
    real_replace = Path.replace

    def fill(path: Path, content: bytes, *, flush: bool) -> None:
        step()
        with path.open("wb") as file:
            middle = len(content) // 2
            file.write(content[:middle])
            file.flush()
            step()
            file.write(content[middle:])
            file.flush()
            step()
            if flush:
                os.fsync(file.fileno())
        note("fill", path, flush)
        step()

    def replace(path: Path, target: Path) -> Path:
        if not path.name.endswith(files.TEMPORARY):
            return real_replace(path, target)
        note("rename", path, target)
        made = real_replace(path, target)
        step()
        return made

    files._fill = fill  # type: ignore[assignment]
    Path.replace = replace  # type: ignore[method-assign,assignment]


def _counted(number: int, action: Step) -> Step:
    left = number

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            action()

    return step


def killed_at(number: int) -> Step:
    """The process is killed at the step of this number."""
    return lambda: _install(_counted(number, lambda: os.kill(os.getpid(), signal.SIGKILL)))


def failing_from(number: int, code: int) -> Step:
    """From this step on nothing can be written."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return lambda: _install(_counted(number, fail))


def without_power_at(number: int, journal: Path) -> Step:
    """As ``killed_at``, and what reached the disk by then is written down."""
    journal.mkdir()
    (journal / "ops").touch()
    count = 0

    def note(kind: str, path: Path, more: object) -> None:
        nonlocal count
        count += 1
        if kind == "rename":
            assert isinstance(more, Path)
            if more.exists():
                (journal / f"{count}.old").write_bytes(more.read_bytes())
        with (journal / "ops").open("a") as file:
            file.write(json.dumps([count, kind, str(path), str(more)]) + "\n")

    die = _counted(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    return lambda: _install(die, note)


def lose_power(journal: Path, rng: random.Random) -> int:
    """Bring the disk into a state that a loss of power may leave; return how many files it hit.

    Content that was not flushed may be missing, zeros, or cut off. A rename that no later flush
    wrote down may not have happened.
    """
    lines = [json.loads(line) for line in (journal / "ops").read_text().splitlines()]
    flushed = max((n for n, kind, _, more in lines if kind == "fill" and more == "True"), default=0)
    loose = {path for _, kind, path, more in lines if kind == "fill" and more == "False"}
    hit = 0
    for number, kind, path, more in reversed(lines):
        if kind != "rename":
            continue
        target = Path(more)
        if not target.exists():
            continue
        old = journal / f"{number}.old"
        if path in loose and rng.random() < 0.5:
            size = target.stat().st_size
            target.write_bytes(rng.choice([b"", bytes(size), target.read_bytes()[: size // 2]]))
            hit += 1
        elif number > flushed and rng.random() < 0.5:
            target.write_bytes(old.read_bytes()) if old.exists() else target.unlink()
            hit += 1
    return hit


def jumping_clock(seed: int) -> Step:
    """The wall clock jumps by up to two years, back and forth, at every third look."""

    def install() -> None:
        rng = random.Random(seed)
        offset = rng.uniform(-6e7, 6e7)
        real_time, real = time.time, datetime.datetime

        def jump() -> float:
            nonlocal offset
            if rng.random() < 0.33:
                offset = rng.uniform(-6e7, 6e7)
            return offset

        class Jumping(real):  # type: ignore[misc,valid-type]
            @classmethod
            def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
                return real.now(tz) + datetime.timedelta(seconds=jump())

        time.time = lambda: real_time() + jump()
        provenance.datetime = types.SimpleNamespace(  # type: ignore[assignment]
            datetime=Jumping, UTC=datetime.UTC
        )

    return install


FULL, READ_ONLY = errno.ENOSPC, errno.EROFS
