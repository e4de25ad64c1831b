"""The parent's side of the process that parses containers."""

from __future__ import annotations

import contextlib
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

SILENCE = 60.0
"""Seconds without a word after which the process is ended; its processor time ends sooner."""
LONGEST_READ = 16 << 20
_READ_AGAIN = 4
"""How often the process may read all of a file for one answer."""
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ")
_START = (
    "import sys; sys.path.append(sys.argv[2]);"
    "from zoodiff.data.containers.child import main; main(int(sys.argv[1]))"
)


class ContainerError(Exception):
    """The content of a container cannot be read; the message says why."""


class _SaidError(ContainerError):
    """An error about a file that the process reports; it continues."""


class _EndedError(ContainerError):
    """The process has ended."""


class Source(Protocol):
    """Bytes that the process may ask for."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def read(self, start: int, size: int) -> bytes:
        """Read a range of bytes; raise OSError if that fails."""
        ...


class Held:
    """Bytes in memory as a source."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self.size = len(content)

    def read(self, start: int, size: int) -> bytes:
        """Some of them."""
        return bytes(self._content[start : start + size])


class Container:
    """A process that parses files; it starts at the first request.

    A process that broke a limit is ended, and the next question starts another. Questions of
    several threads are answered one after the other.
    """

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = list(sources)
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._end: Callable[[], object] = _nothing

    def size_of(self, file: int) -> int:
        """Bytes of a source."""
        return self._sources[file].size

    def ask(
        self,
        question: str,
        file: int = 0,
        *,
        sources: Sequence[Source] | None = None,
        longest: int = LONGEST_BYTES,
        **more: object,
    ) -> tuple[dict[str, Any], bytes]:
        """The answer to a question about a file: an object, and at most ``longest`` bytes.

        ``file`` is the number of a source; ``sources`` stand for those that the container was made
        with. Raises ContainerError where the process cannot answer, breaks a limit or says
        nothing, OSError where what it asks for cannot be read.
        """
        with self._lock:
            known = self._sources if sources is None else list(sources)
            size = known[file].size
            request = {"ask": question, "file": file, "size": size, **more}
            if self._link is not None:
                try:
                    return self._asked(self._link, request, known, size, longest)
                except _EndedError:
                    pass  # somebody may have ended it since the last question
            try:
                return self._asked(self._start(), request, known, size, longest)
            except _EndedError:
                raise ContainerError(_ENDED) from None

    def _asked(
        self,
        link: Link,
        request: dict[str, object],
        sources: Sequence[Source],
        size: int,
        longest: int,
    ) -> tuple[dict[str, Any], bytes]:
        """One question to a process, which is ended where it cannot answer."""
        try:
            link.send(request)
            return self._answer(link, sources, size, longest)
        except _SaidError:
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
        left = _READ_AGAIN * size + (64 << 20)
        while True:
            try:
                received = link.receive(longest)
            except BrokenFrameError as error:
                raise ContainerError(f"it would give {error}") from None
            if received is None:
                raise _EndedError(_ENDED)
            said, content = received
            if "read" not in said:
                break
            number, start, wanted = (int(value) for value in said["read"])
            left -= max(wanted, 4096)
            known = 0 <= number < len(sources)
            if not known or start < 0 or not 0 <= wanted <= LONGEST_READ or left < 0:
                raise ContainerError("reading it asks for more than it has")
            link.send({}, sources[number].read(start, wanted))
        if "error" in said:
            raise _SaidError(" ".join(str(said["error"]).split())[:200])
        return said, content

    def _start(self) -> Link:
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[3])
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(theirs.fileno()), root],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None,
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd="/" if os.name == "posix" else None,
            )
        except OSError as error:
            ours.close()
            raise ContainerError(f"no process can be started ({error.strerror})") from None
        finally:
            theirs.close()
        ours.settimeout(SILENCE)
        self._link = Link(ours)
        self._end = weakref.finalize(self, _ended, process, self._link)
        return self._link

    def close(self) -> None:
        """End the process; the next question starts another."""
        self._end()
        self._link, self._end = None, _nothing


_ENDED = "reading it takes more memory or time than any such file should"


def _nothing() -> None:
    """There is no process to end."""


def _ended(process: subprocess.Popen[bytes], link: Link) -> None:
    with contextlib.suppress(OSError, ValueError):
        link.close()
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
