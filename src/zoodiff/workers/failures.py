"""Build the errors of failed requests; a hostile worker may have written their text."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping

from zoodiff import errors
from zoodiff.errors import WorkerError, ZoodiffError
from zoodiff.text import visible

_SIGNALLED = 128
_LONGEST_MESSAGE = 2_000
"""Characters of an error that a worker may send."""
_LONGEST_LINE = 300
"""Characters of a worker's last line of output."""
_HINTS = {
    int(signal.SIGKILL): ", perhaps for lack of memory",
    int(signal.SIGXCPU): ", since it used up its CPU time",
    int(signal.SIGXFSZ): ", since a file that it wrote became too large",
}


def raised(reply: object, worker: str, doing: str) -> ZoodiffError:
    """Return the error that a worker reports.

    ``reply`` holds ``kind`` and ``message``, and a ``traceback`` for an unexpected error.
    """
    fields = reply if isinstance(reply, Mapping) else {}
    kind, message, trace = (_text(fields.get(key)) for key in ("kind", "message", "traceback"))
    sentence = _one_line(message, _LONGEST_MESSAGE) or "it did not say why"
    known = getattr(errors, kind, None) if kind.isidentifier() else None
    if isinstance(known, type) and issubclass(known, ZoodiffError):
        return known(sentence)
    error = WorkerError(f"the worker of {worker} failed while {doing}: {sentence}")
    if trace:
        error.add_note(visible(trace, lines=True, most=10 * _LONGEST_MESSAGE))
    return error


def death(code: int, printed: str, *, wrapped: bool) -> str:
    """Return how a worker ended and its last line of output, for the end of a sentence.

    ``wrapped`` says whether bubblewrap passed the code on: it turns signal 11 into code 139.
    """
    number = -code
    if wrapped and code > _SIGNALLED:
        number = code - _SIGNALLED
    how = f"exit code {code}"
    if number > 0:
        with contextlib.suppress(ValueError):  # not every number is a signal
            how = f"killed by {signal.Signals(number).name}{_HINTS.get(number, '')}"
    last = last_line(printed)
    return f'({how}); its last words: "{last}"' if last else f"({how})"


def last_line(printed: str) -> str:
    """Return the last line with visible characters."""
    for line in reversed(printed.splitlines()):
        if any(letter.isprintable() and not letter.isspace() for letter in line):
            return _one_line(line, _LONGEST_LINE)
    return ""


def _one_line(text: str, most: int) -> str:
    return visible(" ".join(text[: 4 * most].split()), most=most)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
