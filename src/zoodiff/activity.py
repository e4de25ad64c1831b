"""What zoodiff does, as lines of the standard logger ``zoodiff``: the option ``-v`` prints them.

Nothing is printed unless a program sets the logger's level to ``DEBUG``. A leaf module.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

LOGGER = logging.getLogger("zoodiff")
_SHORTEST = 0.1
"""Seconds; shorter requests are not worth a line, and a line would disturb a measurement."""
T = TypeVar("T")


def note(text: str, *values: object) -> None:
    """Say what was done, such as a worker's start or the use of a cache."""
    LOGGER.debug(text, *values)


def timed(who: str, what: str, wait: Callable[[], T]) -> Callable[[], T]:
    """Return ``wait``; where it is called, say how long the work took from now on."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return wait
    begin = time.monotonic()

    def waited() -> T:
        try:
            return wait()
        finally:
            seconds = time.monotonic() - begin
            if seconds >= _SHORTEST:
                note("%s: %s, %.1f s", who, what, seconds)

    return waited
