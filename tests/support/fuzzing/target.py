"""What a target is, and the file that it may write."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.fuzzing.mutations import Mutation, bytes_

SHARED = Path(
    os.environ.get("ZOODIFF_SHARED", Path(__file__).resolve().parents[3].parent / "shared")
)
"""Material that is used where it is there, and never copied."""


def nothing() -> Sequence[bytes]:
    """No further seeds."""
    return ()


@dataclass(frozen=True)
class Target:
    """One parser; ``parse`` raises ZoodiffError for what it refuses, and nothing else."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    """Small valid inputs, made in a moment."""
    mutate: Mutation = bytes_
    needs: tuple[str, ...] = ()
    """Modules without which it is left out."""
    more: Callable[[], Sequence[bytes]] = nothing
    """Further seeds for the long form."""
    contained: str = ""
    """The foreign library whose faults end the worker and nothing else; empty for none."""
    examples: int = 40
    """Inputs of the short form."""

    @property
    def missing(self) -> str | None:
        """The first module that it needs and that is not installed."""
        return next((n for n in self.needs if importlib.util.find_spec(n) is None), None)


@functools.cache
def scratch() -> Path:
    """A folder of this process, in memory where that is possible."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="zoodiff-fuzz-", dir=memory if memory.is_dir() else None)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(made, ignore_errors=True)

    import atexit

    atexit.register(remove)
    return Path(made)


def fresh(name: str) -> Path:
    """An empty folder of this name."""
    folder = scratch() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def placed(name: str, data: bytes) -> Path:
    """A file with this content."""
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
