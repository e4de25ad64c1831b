"""Threads that say so where they cannot begin, instead of being waited for without end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from zoodiff.errors import MeasurementError

_START_SECONDS = 60.0
"""How long a thread may take to begin."""


class _Started(threading.Event):
    """What ``Thread.start`` waits for, which would be forever where no memory is left to begin."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as an event does; raise MeasurementError where nothing began."""
        if super().wait(_START_SECONDS if timeout is None else timeout):
            return True
        raise MeasurementError(
            "a thread did not begin, most likely for lack of memory; free some, or measure fewer "
            "entries at once"
        )


def thread(
    work: Callable[..., None], *arguments: Any, daemon: bool | None = None
) -> threading.Thread:
    """A thread that is not started yet; starting it raises MeasurementError where it cannot."""
    made = threading.Thread(target=work, args=arguments, daemon=daemon)
    made._started = _Started()  # type: ignore[attr-defined]
    return made
