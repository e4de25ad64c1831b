"""Build the command of a worker process and its first message."""

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
    """Return the command of a worker that reads and writes these descriptors.

    The interpreter is isolated: it imports nothing from the current or the worker's folder.
    """
    return [str(interpreter), "-I", "-S", "-u", "-c", _bootstrap(), str(requests), str(replies)]


def first_message(
    spec: WorkerSpec, limits: Limits, interpreter: Path, path: list[str]
) -> dict[str, object]:
    """Return a worker's first message without its folders; ``path`` is its ``sys.path``.

    See ``zoodiff.workers.inside.bootstrap``.
    """
    # Compiled code is for this interpreter only.
    same = interpreter == Path(sys.executable)
    return {
        "backend": spec.backend,
        "path": path,
        "memory": limits.memory if spec.confined else None,
        "modules": (compiled() if same else sources()) if spec.confined else {},
        "compiled": same,
    }


def allowed_code(limits: Limits) -> str:
    """Return the value of the variable that lists the hashes of files whose code may run."""
    return ",".join(sorted(limits.allowed_code | permissions.allowed()))


@functools.cache
def _bootstrap() -> str:
    return Path(bootstrap.__file__).read_text(encoding="utf-8")
