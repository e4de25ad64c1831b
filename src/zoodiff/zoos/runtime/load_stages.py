"""Time the stages of loading a network.

Stages are exclusive: what an inner stage takes is not counted in the outer one, so that stages
and ``other`` add up to the whole. Standard library only; where nobody records, nothing happens.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

IMPORT, BUILD, WEIGHTS, COMPILE = "import", "build", "weights", "compile"
CHECKS = "checks"
"""What zoodiff adds: finding and hashing files, drawing random weights for a file. No part of the
framework's own cold start."""
OTHER = "other"

_recordings: list[_Recording] = []
"""The recording that is going on, if any; a worker serves one request at a time."""


class _Recording:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = [OTHER]
        self._since = time.perf_counter()

    def turn(self, opened: str | None) -> None:
        """Charge the time since the last turn to the innermost stage; open one or close it."""
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
    found = _Recording()
    _recordings.append(found)
    try:
        yield found.seconds
    finally:
        found.turn(None)
        _recordings.remove(found)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Charge the time of the block to a stage."""
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
    """Charge every call of ``owner.attribute`` inside to a stage.

    Builders of zoos read the weights themselves; this tells the reading from the building.
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
