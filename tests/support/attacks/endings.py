"""Tricks by ending, and by not ending; and by what is printed."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from typing import Any

from .pipes import answer, instead
from .replies import EVIL, asleep
from .table import Given, trick

CODES = (0, 1, 77, 127, 137, 255)
SIGNALS = (1, 6, 7, 9, 11, 15, 24, 31, 64)


def _ends(how: Any) -> None:
    sys.stdout.flush()
    how()
    asleep()


def leaves(code: int) -> Any:
    """A trick that ends with a code."""

    def run(given: Given) -> None:
        """End with an exit code."""
        os._exit(code)

    run.__name__ = f"leaves_with_code_{code}"
    return run


def dies(number: int) -> Any:
    """A trick that ends by a signal."""

    def run(given: Given) -> None:
        """End by a signal of its own."""
        signal.signal(number, signal.SIG_DFL) if number not in {9, 19} else None
        os.kill(os.getpid(), number)
        asleep()

    run.__name__ = f"dies_by_signal_{number}"
    return run


for _code in CODES:
    trick("ended", seconds=5)(leaves(_code))
for _number in SIGNALS:
    trick("ended", seconds=5)(dies(_number))


@trick("ended", seconds=1)
def stops_itself(given: Given) -> None:
    """Stop, as by Ctrl-Z."""
    os.kill(os.getpid(), signal.SIGSTOP)
    asleep()


@trick("ended", seconds=1, late=True)
def will_not_end(given: Given) -> None:
    """Answer, and hold the end up: by exit handlers, by signals that are ignored, by threads."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    atexit.register(asleep)
    threading.Thread(target=asleep).start()
    instead(answer(result=1), then=lambda: sys.exit(3))


@trick("ended")
def dies_with_evil_last_words(given: Given) -> None:
    """Print escapes and line breaks, and die."""
    os.write(2, EVIL.encode(errors="surrogatepass") * 50 + b"\xff\xfe" * 50)
    os._exit(9)


@trick("ended")
def floods_the_log(given: Given) -> None:
    """Print without an end."""
    data = b"x" * (1 << 20)
    while True:
        os.write(1, data)


@trick("either")
def rewrites_its_log(given: Given) -> None:
    """Read, shorten and stretch what it printed."""
    os.write(1, b"to be forgotten\n")
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        with contextlib.suppress(OSError):
            os.close(os.open("/proc/self/fd/1", flags))
    os.ftruncate(1, 0)
    os.ftruncate(1, 1 << 32)
    os.lseek(1, 0, os.SEEK_SET)
    os.write(1, b"\0\x1b[2J\xff")
    os.close(1)
    os.close(2)
    instead(answer(result=1))


@trick("ended", seconds=2)
def spins_in_threads(given: Given) -> None:
    """Use up its time with every thread that it may start."""
    threading.stack_size(65536)
    try:
        for _ in range(400):
            threading.Thread(target=_spin, daemon=True).start()
    except RuntimeError:
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _spin() -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass
