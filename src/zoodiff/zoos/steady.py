"""Detect changes of a file while it is read, so that its hash is that of the loaded content.

The hash is computed first. A later change of the file changes its metadata, at least its change
time (ctime), which programs cannot set.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.zoos.digest import sha256_of, sha256_of_all

_TICK_NS = 20_000_000
"""Resolution of file times: two changes within this may have the same time."""
_MOST_FILES = 100_000

_Identity = dict[str, tuple[int, int, int, int, int]]


@dataclass(frozen=True)
class SteadyFile:
    """A file or folder, and its hash when it was opened."""

    path: Path
    digest: str
    """sha256, hexadecimal; see ``zoodiff.zoos.digest``."""
    _beside: tuple[str, ...] = field(repr=False, default=())
    _identity: _Identity = field(repr=False, default_factory=dict)

    def check(self) -> None:
        """Raise MeasurementError if the file has changed since it was hashed."""
        if _identity_of(self.path, self._beside) != self._identity:
            raise MeasurementError(f"{self.path.name} changed while it was read; load it again")


@contextlib.contextmanager
def steady(path: Path, *, beside: Sequence[str] = ()) -> Iterator[SteadyFile]:
    """Hash a file or folder, and raise MeasurementError after the block if it has changed.

    ``beside`` names files in the same folder that are hashed with it. Raises MeasurementError if it
    cannot be read.
    """
    try:
        identity = _identity_of(path, beside)
        newest = max((changed for *_, changed in identity.values()), default=0)
        if 0 <= time.time_ns() - newest < _TICK_NS:
            time.sleep(_TICK_NS / 1e9)
            identity = _identity_of(path, beside)
        names = [path.name, *beside]
        digest = sha256_of_all(path.parent, names) if beside else sha256_of(path)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise MeasurementError(
            f"{path.name} cannot be read ({error.strerror or error}{where})"
        ) from None
    file = SteadyFile(path, digest, tuple(beside), identity)
    file.check()
    yield file
    file.check()


class Followed:
    """The file that a backend described last, to detect changes before its next request."""

    def __init__(
        self, opened: Callable[[Path], AbstractContextManager[SteadyFile]] = steady
    ) -> None:
        self._opened = opened
        self._last: SteadyFile | None = None

    @contextlib.contextmanager
    def first(self, path: Path) -> Iterator[SteadyFile]:
        """Hash a file and check it for changes, as ``steady`` does."""
        self._last = None
        with self._opened(path) as file:
            yield file
        self._last = file

    @contextlib.contextmanager
    def again(self, path: Path) -> Iterator[SteadyFile]:
        """Check the file of ``first`` for changes without hashing it; other files as ``steady``."""
        file = self._last
        if file is None or file.path != path:
            with self._opened(path) as file:
                yield file
            return
        file.check()
        yield file
        file.check()


def _identity_of(path: Path, beside: Sequence[str]) -> _Identity:
    """Return per file its device, inode, size, and times of changes."""
    identity: _Identity = {}
    for name in _names(path, beside):
        try:
            facts = Path(name).stat()
        except FileNotFoundError:
            continue  # hashing reports a missing file, and one that appears later is a change
        identity[name] = (
            facts.st_dev,
            facts.st_ino,
            facts.st_size,
            facts.st_mtime_ns,
            facts.st_ctime_ns,
        )
    return identity


def _names(path: Path, beside: Sequence[str]) -> Iterator[str]:
    yield str(path)
    yield from (str(path.parent / name) for name in beside)
    if not path.is_dir():
        return
    count = 0
    for place, _, files in os.walk(path):
        yield place
        for name in files:
            count += 1
            if count > _MOST_FILES:
                raise MeasurementError(f"{path.name} holds more than {_MOST_FILES:,} files")
            yield str(Path(place) / name)
