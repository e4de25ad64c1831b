"""What a worker process is started with: its command, and what its first message says."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from zoodiff.workers import permissions
from zoodiff.workers.inside import bootstrap
from zoodiff.workers.limits import Limits
from zoodiff.workers.sandbox.sources import compiled, sources
from zoodiff.zoos.base import WorkerSpec


def command(interpreter: Path, requests: int, replies: int) -> list[str]:
    """The command of a worker that reads and writes these descriptors.

    Isolated: what lies in the current folder or in a worker's is never imported.
    """
    return [str(interpreter), "-I", "-S", "-u", "-c", _bootstrap(), str(requests), str(replies)]


def first_message(
    spec: WorkerSpec, limits: Limits, interpreter: Path, path: list[str]
) -> dict[str, object]:
    """What a worker is told before any request, but for its folders; ``path`` is where it imports.

    See ``zoodiff.workers.inside.bootstrap``.
    """
    # Another interpreter may not read what this one compiles.
    same = interpreter == Path(sys.executable)
    return {
        "backend": spec.backend,
        "path": path,
        "memory": limits.memory if spec.confined else None,
        "modules": (compiled() if same else sources()) if spec.confined else {},
        "compiled": same,
    }


def allowed_code(limits: Limits) -> str:
    """The hashes of files whose code the worker may run, as its variable says them."""
    return ",".join(sorted(limits.allowed_code | permissions.allowed()))


@functools.cache
def _bootstrap() -> str:
    return Path(bootstrap.__file__).read_text(encoding="utf-8")
