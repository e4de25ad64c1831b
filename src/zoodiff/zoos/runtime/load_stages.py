"""Time the stages of loading a network.

Stages are exclusive: the time of an inner stage does not count for the outer one, so that the
stages and ``other`` add up to the total. Without a recording, stages do nothing. Standard library
only.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

IMPORT, BUILD, WEIGHTS, COMPILE = "import", "build", "weights", "compile"
CHECKS = "checks"
"""Zoodiff's own work: finding and hashing files, drawing random weights for a file. It is not part
of the framework's cold start."""
OTHER = "other"

_recordings: list[_Recording] = []
"""The current recording, if any; a worker serves one request at a time."""


class _Recording:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = [OTHER]
        self._since = time.perf_counter()

    def turn(self, opened: str | None) -> None:
        """Count the time since the last turn for the innermost stage; open a stage or close it."""
        now = time.perf_counter()
        inner = self._open[-1]
        self.seconds[inner] = self.seconds.get(inner, 0.0) + now - self._since
        self._since = now
        if opened is None:
            self._open.pop()
        else:
            self._open.append(opened)


@contextlib.contextmanager
def recording() -> Iterator[dict[str, float]]:
    """Measure seconds by stage within the block; complete at its end.

    >>> with recording() as seconds:
    ...     with stage(BUILD), stage(WEIGHTS):
    ...         pass
    >>> sorted(seconds)
    ['build', 'other', 'weights']
    """
    current = _Recording()
    _recordings.append(current)
    try:
        yield current.seconds
    finally:
        current.turn(None)
        _recordings.remove(current)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the time of the block for a stage."""
    if not _recordings:
        yield
        return
    current = _recordings[-1]
    current.turn(name)
    try:
        yield
    finally:
        current.turn(None)


@contextlib.contextmanager
def calls_are(name: str, *functions: tuple[Any, str]) -> Iterator[None]:
    """Count every call of ``owner.attribute`` in the block for a stage.

    Zoos read the weights while they build a network; this separates reading from building.
    """

    def timed(original: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            with stage(name):
                return original(*args, **kwargs)

        return call

    before = [(owner, attribute, owner.__dict__[attribute]) for owner, attribute in functions]
    for owner, attribute, original in before:
        setattr(owner, attribute, timed(original))
    try:
        yield
    finally:
        for owner, attribute, original in before:
            setattr(owner, attribute, original)
