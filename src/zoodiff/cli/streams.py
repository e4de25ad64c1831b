"""Standard output and standard error, guarded.

``zoodiff.cli.render.console`` escapes all text of the command. The guard here also escapes the
output of libraries, warnings and tracebacks. Only tables and progress bars bypass the guard: their
texts are escaped before ``rich`` adds its colours.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from zoodiff.errors import UsageError
from zoodiff.text import visible


class Guarded(io.TextIOWrapper):
    """A text stream that writes only lines of visible characters.

    If nobody reads standard output any more (``| head``), writing ends the command quietly; if it
    cannot be written (a full disk), writing raises UsageError. A run goes on without standard
    error.
    """

    def __init__(self, stream: io.TextIOWrapper, *, is_error: bool) -> None:
        # Neither stream buffers, so that text that bypasses the guard keeps its order.
        stream.reconfigure(errors="backslashreplace", write_through=True)
        super().__init__(
            stream.buffer, stream.encoding, "backslashreplace", write_through=True, newline=""
        )
        self.behind = stream
        """The stream without the guard."""
        self._is_error = is_error
        self.has_text = False
        """Whether anything was written."""

    def write(self, text: str, /) -> int:
        """Write text with control characters escaped."""
        if not isinstance(text, str):  # typer writes bytes to learn the kind of stream
            raise TypeError(f"this is a stream of text, not of {type(text).__name__}")
        self._write(super(), visible(text, lines=True, most=None))
        return len(text)

    def write_coloured(self, text: str) -> None:
        """Write text of ``rich`` with its colours, unescaped."""
        self._write(self.behind, text)

    def flush(self) -> None:
        """Write the buffered text."""
        with self._failing():
            super().flush()

    def _write(self, stream: Any, text: str) -> None:
        with self._failing():
            if text:  # a full disk refuses even an empty text
                stream.write(text)
                self.has_text = True
            if self.behind.line_buffering:
                stream.flush()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._lead_nowhere()
            if self._is_error:
                return
            if isinstance(error, BrokenPipeError):
                raise SystemExit(0) from None
            raise UsageError(
                f"standard output cannot be written ({error.strerror or error}); "
                "make room, or write it somewhere else"
            ) from None

    def _lead_nowhere(self) -> None:
        """Discard further output, because Python would report the closed stream again."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def guard() -> None:
    """Guard standard output and standard error of this process.

    Streams that the caller closed are opened on the null device, so that no file opened later gets
    their descriptor.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper) and not isinstance(stream, Guarded):
            setattr(sys, name, Guarded(stream, is_error=name == "stderr"))


def has_text(stream: TextIO) -> bool:
    """Whether anything was written on a guarded stream."""
    return isinstance(stream, Guarded) and stream.has_text


def behind(stream: TextIO) -> TextIO:
    """Return the stream without its guard, for the output of ``rich``."""
    return stream.behind if isinstance(stream, Guarded) else stream


def write_coloured(text: str) -> None:
    """Write text of ``rich`` with its colours on standard output, unescaped."""
    if isinstance(sys.stdout, Guarded):
        sys.stdout.write_coloured(text)
    else:
        sys.stdout.write(text)
