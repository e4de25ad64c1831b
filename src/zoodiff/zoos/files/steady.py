"""A file that stays the same while it is looked at, hashed and loaded."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoodiff.errors import MeasurementError


@dataclass(frozen=True)
class SteadyFile:
    """A path and the sha256 of what was there before it was read."""

    path: Path
    digest: str


@contextlib.contextmanager
def steady(path: Path) -> Iterator[SteadyFile]:
    """Yield a file with its hash; raise MeasurementError where it changed in the meantime.

    The hash is taken first, so that it is never that of another file than the one that was loaded:
    a file that was replaced or written to since has another identity when the body ends.
    """
    with path.open("rb") as file:
        before = _identity(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield SteadyFile(path, digest)
        try:  # the file is still open, so no other can have its number
            after = _identity(path.stat())
        except OSError:
            after = ()
        if after != before:
            raise MeasurementError(f"{path} changed while it was read")


def _identity(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
