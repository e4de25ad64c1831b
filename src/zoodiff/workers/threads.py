"""Threads that raise an error if they cannot start, instead of blocking forever."""

from __future__ import annotations

import threading
from collections.abc import Callable

from zoodiff.errors import MeasurementError

_START_SECONDS = 60.0
"""Time that a thread may take to begin."""


class _Started(threading.Event):
    """The event of ``Thread.start``, which would wait forever without memory for the thread."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as an event does; raise MeasurementError if the thread did not start."""
        if super().wait(_START_SECONDS if timeout is None else timeout):
            return True
        raise MeasurementError(
            "a thread did not begin, most likely for lack of memory; free some, or measure fewer "
            "entries at once"
        )


class _Thread(threading.Thread):
    """A thread whose start waits for a limited time."""

    def __init__(
        self, work: Callable[..., None], arguments: tuple[object, ...], daemon: bool | None
    ) -> None:
        super().__init__(target=work, args=arguments, daemon=daemon)
        self._started = _Started()


def thread(
    work: Callable[..., None], *arguments: object, daemon: bool | None = None
) -> threading.Thread:
    """Return a thread, not started; its start raises MeasurementError if it does not begin."""
    return _Thread(work, arguments, daemon)
