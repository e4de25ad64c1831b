"""Limits of the time that a run spends on one kind of task."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class TimeLimits:
    """The seconds after which no further task of a kind starts, from its first task on."""

    def __init__(
        self, max_seconds: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_seconds, self._clock = max_seconds, clock
        self._began: dict[str, float] = {}

    def start(self, kind: str) -> None:
        """Note that a task of this kind starts."""
        self._began.setdefault(kind, self._clock())

    def reason(self, kind: str) -> str | None:
        """Return why no further task of this kind starts; None if it may."""
        most = self._max_seconds.get(kind)
        if most is None or kind not in self._began or self._clock() - self._began[kind] < most:
            return None
        return (
            f"the study's {most / 60:g} minutes for {kind} were spent; run it again to go on "
            "where it stopped"
        )
