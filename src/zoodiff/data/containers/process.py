"""The parent's side of the process that parses containers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from zoodiff.data.containers.frames import LONGEST_BYTES, BrokenFrameError, Link
from zoodiff.errors import MissingFrameworkError

SILENCE = 60.0
"""Seconds without a message after which the process is ended; its CPU limit is shorter."""
LONGEST_READ = 16 << 20
_READ_AGAIN = 4
"""How often the process may read the whole file for one answer."""
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ")
_START = (
    "import sys; sys.path.append(sys.argv[2]);"
    "from zoodiff.data.containers.child import main; main(int(sys.argv[1]))"
)


def check_parquet(use: str) -> None:
    """Raise MissingFrameworkError if Parquet files cannot be read here; ``use`` begins its text."""
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingFrameworkError(
            f'{use} the package pyarrow; install it with: pip install "zoodiff[accuracy]"'
        )


class ContainerError(Exception):
    """The content of a container cannot be read; the message says why."""


class _ReportedError(ContainerError):
    """An error in a file that the process reported; the process continues."""


class _EndedError(ContainerError):
    """The process has ended."""


class Source(Protocol):
    """A file whose bytes the process may request."""

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    def read(self, start: int, size: int) -> bytes:
        """Return a range of bytes; raise OSError if that fails."""
        ...


class MemorySource:
    """Bytes in memory as a source."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self.size = len(content)

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start``."""
        return bytes(self._content[start : start + size])


class Container:
    """A process that parses files; it starts at the first request.

    A process that breaks a limit is ended, and the next request starts another. Requests of several
    threads are answered one at a time.
    """

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = list(sources)
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._end: Callable[[], object] = _nothing

    def size_of(self, file: int) -> int:
        """Return the size of a source in bytes."""
        return self._sources[file].size

    def ask(
        self,
        question: str,
        file: int = 0,
        *,
        sources: Sequence[Source] | None = None,
        longest: int = LONGEST_BYTES,
        **arguments: object,
    ) -> tuple[dict[str, Any], bytes]:
        """Return the answer to a question about a file: an object and at most ``longest`` bytes.

        ``file`` is the index of a source; ``sources`` replaces the container's own sources; further
        keywords are arguments of the question. Raises ContainerError if the process cannot answer,
        breaks a limit or stays silent, OSError if a source cannot be read.
        """
        with self._lock:
            chosen = self._sources if sources is None else list(sources)
            size = chosen[file].size
            request = {"ask": question, "file": file, "size": size, **arguments}
            if self._link is not None:
                try:
                    return self._exchange(self._link, request, chosen, size, longest)
                except _EndedError:
                    pass  # it may have been ended since the last question
            try:
                return self._exchange(self._start(), request, chosen, size, longest)
            except _EndedError:
                raise ContainerError(_ENDED) from None

    def _exchange(
        self,
        link: Link,
        request: dict[str, object],
        sources: Sequence[Source],
        size: int,
        longest: int,
    ) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer; end the process if it fails to answer."""
        try:
            link.send(request)
            return self._answer(link, sources, size, longest)
        except _ReportedError:
            raise
        except TimeoutError:
            self.close()
            raise ContainerError(f"reading it takes more than {SILENCE:.0f} s") from None
        except ConnectionError:
            self.close()
            raise _EndedError(_ENDED) from None
        except BaseException:
            self.close()
            raise

    def _answer(
        self, link: Link, sources: Sequence[Source], size: int, longest: int
    ) -> tuple[dict[str, Any], bytes]:
        budget = _READ_AGAIN * size + (64 << 20)
        while True:
            try:
                received = link.receive(longest)
            except BrokenFrameError as error:
                raise ContainerError(f"the parser sent {error}") from None
            if received is None:
                raise _EndedError(_ENDED)
            message, content = received
            if "read" not in message:
                break
            number, start, count = (int(value) for value in message["read"])
            budget -= max(count, 4096)
            known_source = 0 <= number < len(sources)
            if not known_source or start < 0 or not 0 <= count <= LONGEST_READ or budget < 0:
                raise ContainerError("reading it requests bytes that it does not have")
            link.send({}, sources[number].read(start, count))
        if "error" in message:
            raise _ReportedError(" ".join(str(message["error"]).split())[:200])
        return message, content

    def _start(self) -> Link:
        parent_end, child_end = socket.socketpair()
        root = str(Path(__file__).resolve().parents[3])
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(child_end.fileno()), root],
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd="/" if os.name == "posix" else None,
            )
        except OSError as error:
            parent_end.close()
            raise ContainerError(f"no process can be started ({error.strerror})") from None
        finally:
            child_end.close()
        parent_end.settimeout(SILENCE)
        self._link = Link(parent_end)
        self._end = weakref.finalize(self, _end_process, process, self._link)
        return self._link

    def close(self) -> None:
        """End the process; the next request starts another."""
        self._end()
        self._link, self._end = None, _nothing


_ENDED = "reading it takes more memory or time than any such file should"


def _nothing() -> None:
    """Do nothing: no process is running."""


def _end_process(process: subprocess.Popen[bytes], link: Link) -> None:
    with contextlib.suppress(OSError, ValueError):
        link.close()
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
