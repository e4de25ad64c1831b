"""The process that parses containers: ``main`` with the descriptor of its socket.

It opens nothing: whatever it reads, it asks its parent for. Before the first byte of a file comes
in, its memory and processor time are limited, and where libseccomp is there, the kernel refuses it
all calls but those that computing and talking to its parent need.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import io
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from zoodiff.data.containers.frames import Link

if TYPE_CHECKING:
    from typing_extensions import Buffer

MEMORY = {"parquet": 3 << 29, "matlab": 1 << 29}
"""Bytes of memory that the process may take."""
SECONDS = 2.5
"""Of processor time for an answer, and more for each byte that is read for it."""
BYTES_A_SECOND = 20 << 20
_PIECE = 1 << 20

Answer = tuple[dict[str, Any], bytes]


class Asking(io.RawIOBase):
    """A file whose bytes the parent has."""

    def __init__(self, link: Link, number: int, size: int) -> None:
        super().__init__()
        self._link, self.number, self.size, self._at = link, number, size, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; raises OSError before the beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read this many bytes, or the rest."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        found = []
        while wanted > 0:
            self._link.send({"read": [self.number, self._at, min(wanted, _PIECE)]})
            received = self._link.receive()
            if received is None:
                os._exit(0)  # the parent is gone
            content = received[1]
            if not content:
                break
            found.append(content)
            self._at += len(content)
            wanted -= len(content)
            _allow(len(content) / BYTES_A_SECOND)
        return b"".join(found)

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer."""
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)


def main(descriptor: int) -> None:
    """Answer questions until the parent closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Link(socket.socket(fileno=descriptor))
    questions: dict[str, Callable[..., Answer]] = {}
    while (received := link.receive()) is not None:
        asked, _ = received
        question = str(asked.pop("ask"))
        if not questions:
            kind, questions = _prepared(question)
            _limit(MEMORY[kind])
            _confine()
        _allow(SECONDS, anew=True)
        file = Asking(link, int(asked.pop("file")), int(asked.pop("size")))
        try:
            said, content = questions[question](file, **asked)
        except MemoryError:
            said, content = {"error": "it takes more memory than any such file should"}, b""
        except Exception as error:  # libraries raise many kinds for what is damaged
            said, content = {"error": f"{error or type(error).__name__}"}, b""
        link.send(said, content)


def _prepared(question: str) -> tuple[str, dict[str, Callable[..., Answer]]]:
    """Import the code for a request while files can still be opened."""
    if question == "devkit":
        from zoodiff.data.containers import matlab

        return "matlab", {"devkit": matlab.devkit}
    from zoodiff.data.containers import parquet

    parquet.warm_up()
    return "parquet", {
        "images": parquet.images,
        "image": parquet.image,
        "predictions": parquet.predictions,
    }


def _limit(memory: int) -> None:
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (getattr(resource, "RLIMIT_DATA", resource.RLIMIT_AS), memory),
    )
    for kind, value in wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


_budget = 0.0


def _allow(seconds: float, *, anew: bool = False) -> None:
    """Let the process compute for so much longer; beyond that the kernel ends it."""
    global _budget  # noqa: PLW0603 - of this process, as its limit is
    if anew:
        _budget = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    before, _budget = _budget, _budget + seconds
    if anew or int(before) != int(_budget):
        with contextlib.suppress(ValueError, OSError):
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(_budget) + 1, hard))


_CALLS_TEXT = (
    "brk clock_getres clock_gettime clock_nanosleep close exit exit_group fstat futex getcpu "
    "getpid getrandom getrlimit getrusage gettid gettimeofday lseek madvise membarrier mmap "
    "mprotect mremap munmap nanosleep newfstatat poll ppoll read readv recvfrom recvmsg rseq "
    "restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield "
    "sendmsg sendto set_robust_list sigaltstack sysinfo uname write writev"
)
_CALLS = frozenset(_CALLS_TEXT.split())
_CLONE_THREAD = 0x00010000


def _confine() -> None:
    """Let the kernel refuse all other system calls; without libseccomp only the limits hold."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(Exception), _known_libraries():
        import pyseccomp

        rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
        for name in _CALLS:
            with contextlib.suppress(OSError):  # a call that this processor has not
                rules.add_rule(pyseccomp.ALLOW, name)
        own = pyseccomp.Arg(0, pyseccomp.EQ, 0)
        for name, limit in (("prlimit64", own), ("setrlimit", None)):
            with contextlib.suppress(OSError):
                rules.add_rule(pyseccomp.ALLOW, name, *([limit] if limit else []))
        thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD)
        rules.add_rule(pyseccomp.ALLOW, "clone", thread)
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
        rules.load()


@contextlib.contextmanager
def _known_libraries() -> Iterator[None]:
    """Spare the search for libraries, which runs programs."""
    search = ctypes.util.find_library
    known = {"seccomp": "libseccomp.so.2", "c": None}

    def find(name: str) -> str | None:
        return known.get(name)

    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = search
