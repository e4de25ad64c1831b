"""The process that parses containers: ``main`` takes the descriptor of its socket.

It opens no files: it requests their bytes from its parent. Before it receives the first byte of a
file, its memory and processor time are limited. If libseccomp is installed, the kernel also refuses
all system calls except those needed to compute and to talk to the parent.
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
"""Most bytes of memory of the process, by kind of file."""
SECONDS = 2.5
"""Processor time for an answer in seconds, to which each byte read adds."""
BYTES_A_SECOND = 20 << 20
_PIECE = 1 << 20

Answer = tuple[dict[str, Any], bytes]


class ParentFile(io.RawIOBase):
    """A file whose bytes are requested from the parent."""

    def __init__(self, link: Link, number: int, size: int) -> None:
        super().__init__()
        self._link, self.number, self.size, self._at = link, number, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it; raise OSError before the beginning."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; all remaining bytes if it is negative."""
        left = max(0, self.size - self._at)
        missing = left if size is None or size < 0 else min(size, left)
        pieces = []
        while missing > 0:
            self._link.send({"read": [self.number, self._at, min(missing, _PIECE)]})
            received = self._link.receive()
            if received is None:
                os._exit(0)  # the parent is gone
            content = received[1]
            if not content:
                break
            pieces.append(content)
            self._at += len(content)
            missing -= len(content)
            _allow(len(content) / BYTES_A_SECOND)
        return b"".join(pieces)

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer and return the number of bytes read."""
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
        request, _ = received
        question = str(request.pop("ask"))
        if not questions:
            kind, questions = _prepared(question)
            _limit(MEMORY[kind])
            _confine()
        _allow(SECONDS, anew=True)
        file = ParentFile(link, int(request.pop("file")), int(request.pop("size")))
        try:
            answer, content = questions[question](file, **request)
        except MemoryError:
            answer, content = {"error": "it takes more memory than any such file should"}, b""
        except Exception as error:  # libraries raise many kinds for what is damaged
            answer, content = {"error": f"{error or type(error).__name__}"}, b""
        link.send(answer, content)


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
    limits = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (getattr(resource, "RLIMIT_DATA", resource.RLIMIT_AS), memory),
    )
    for kind, value in limits:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


_budget = 0.0


def _allow(seconds: float, *, anew: bool = False) -> None:
    """Allow this much more processor time, after which the kernel ends the process.

    ``anew`` starts from the time used so far.
    """
    global _budget  # noqa: PLW0603 - one per process, like the limit
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
    """Let the kernel refuse all system calls but ``_CALLS``; does nothing without libseccomp."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(Exception), _known_libraries():
        import pyseccomp

        rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
        for name in _CALLS:
            with contextlib.suppress(OSError):  # a call that this processor does not have
                rules.add_rule(pyseccomp.ALLOW, name)
        own_process = pyseccomp.Arg(0, pyseccomp.EQ, 0)
        for name, limit in (("prlimit64", own_process), ("setrlimit", None)):
            with contextlib.suppress(OSError):
                rules.add_rule(pyseccomp.ALLOW, name, *([limit] if limit else []))
        thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD)
        rules.add_rule(pyseccomp.ALLOW, "clone", thread)
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
        rules.load()


@contextlib.contextmanager
def _known_libraries() -> Iterator[None]:
    """Name libraries without ``find_library``, which runs programs."""
    search = ctypes.util.find_library
    known = {"seccomp": "libseccomp.so.2", "c": None}

    def find(name: str) -> str | None:
        return known.get(name)

    ctypes.util.find_library = find
    try:
        yield
    finally:
        ctypes.util.find_library = search
