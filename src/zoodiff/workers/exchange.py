"""The parent's side of the folders that it shares with workers; only this module opens them.

Each folder has one writer. ``Outgoing`` belongs to the parent: all workers of this process can read
it and none can write to it. ``Incoming`` belongs to one worker process, which may be hostile: the
parent opens its files relative to the folder's descriptor, follows no link, never blocks, and
copies a file before it reads it, so that the worker cannot remove or change what the parent uses.
Names are random and created exclusively.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.workers.protocol import ProtocolError
from zoodiff.workers.scratch import FOLDER, Scratch
from zoodiff.workers.space import File, folder_bytes
from zoodiff.workers.worker_env import in_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_REPLY = 256 * 2**20
"""Bytes of one array of a reply, unless the caller expects more."""
LARGEST_LOG = 64 * 1024
"""Bytes that are read from the end of a log."""

_NAME = re.compile(r"[0-9]{1,18}\.array")
_DTYPE = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16)|V[12])")
_MOST_DIMENSIONS = 32
_COPY = 8 * 2**20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Outgoing:
    """A folder of arrays for workers; only this process can write to it."""

    def __init__(self) -> None:
        self._scratch = Scratch("parent")
        self._folder = os.open(self.path, FOLDER)
        self._owner = os.getpid()

    @property
    def path(self) -> Path:
        """The path by which workers open the folder."""
        return self._scratch.path

    def put(self, array: NDArray[Any]) -> dict[str, object]:
        """Write an array and return its handle for a request."""
        import numpy as np

        whole = np.asarray(array, order="C")
        with self._created() as (name, file):
            data = whole.reshape(-1).view(np.uint8).data
            while data:
                data = data[os.write(file, data) :]
        return {"$array": name, "dtype": whole.dtype.str, "shape": list(whole.shape)}

    def remove(self, message: Mapping[str, object]) -> None:
        """Remove an array that no worker needs any more; existing mappings stay valid."""
        with contextlib.suppress(OSError):
            os.unlink(str(message["$array"]), dir_fd=self._folder)

    def copy(
        self, descriptor: int, size: int, shape: tuple[int, ...], dtype: str
    ) -> dict[str, object]:
        """Copy ``size`` bytes of a file into the folder; return their handle for a request.

        Raises ProtocolError if the file has fewer.
        """
        with self._created() as (name, file):
            left = size
            while left:
                part = os.read(descriptor, min(left, _COPY))
                if not part:
                    raise ProtocolError(f"an array ends {left} bytes early")
                left -= len(part)
                view = memoryview(part)
                while view:
                    view = view[os.write(file, view) :]
        return {"$array": name, "dtype": dtype, "shape": list(shape)}

    @contextlib.contextmanager
    def _created(self) -> Iterator[tuple[str, int]]:
        name = f"{secrets.token_hex(16)}.array"
        file = os.open(name, _CREATE, 0o600, dir_fd=self._folder)
        try:
            yield name, file
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._folder)
            raise
        finally:
            os.close(file)

    def close(self) -> None:
        """Remove the folder; does nothing in a forked process."""
        if self._owner == os.getpid():
            with contextlib.suppress(OSError):
                os.close(self._folder)
            self._scratch.close()


_making = threading.Lock()
_outgoing: list[Outgoing] = []


def outgoing() -> Outgoing:
    """Return the folder of this process; it is removed when the process ends."""
    with _making:
        if not _outgoing or _outgoing[0]._owner != os.getpid():
            _outgoing[:] = [Outgoing()]
            atexit.register(_outgoing[0].close)
        return _outgoing[0]


class Incoming:
    """The files of one worker process in its scratch folder; untrusted."""

    def __init__(self, name: str) -> None:
        self._scratch = Scratch(name)
        self._folder = os.open(self.path, FOLDER)

    @property
    def path(self) -> Path:
        """The path of the folder for the worker; the parent does not use it."""
        return self._scratch.path

    def array(
        self,
        message: object,
        shape: tuple[int | None, ...] | None = None,
        most: int = LARGEST_REPLY,
    ) -> NDArray[np.generic]:
        """Return a copy of an array and remove its file.

        ``shape`` is the required shape, with None for any length; ``most`` is the largest number of
        bytes. Raises ProtocolError for any other array or file.
        """
        import numpy as np

        with self._opened(message, shape, most) as (file, dtype, actual, size):
            copied = np.empty(size, np.uint8)
            view, start = copied.data, 0
            while start < size:
                count = os.readv(file, [view[start : start + _COPY]])
                if not count:
                    raise ProtocolError(f"an array ends {size - start} bytes early")
                start += count
        return copied.view(np.dtype(dtype)).reshape(actual) if size else np.empty(actual, dtype)

    def pass_on(
        self,
        message: object,
        shape: tuple[int | None, ...] | None = None,
        most: int = LARGEST_REPLY,
    ) -> dict[str, object]:
        """Copy an array to where all workers can read it; return its handle for requests.

        The arguments and errors are those of ``array``.
        """
        with self._opened(message, shape, most) as (file, dtype, actual, size):
            copied = outgoing().copy(file, size, actual, dtype)
        return copied

    @contextlib.contextmanager
    def _opened(
        self, message: object, shape: tuple[int | None, ...] | None, most: int
    ) -> Iterator[tuple[int, str, tuple[int, ...], int]]:
        name, dtype, actual, size = _described(message, shape, most)
        try:
            file = os.open(name, _READ, dir_fd=self._folder)
        except OSError as error:
            raise ProtocolError(f"the array {name} cannot be opened ({error.strerror})") from None
        try:
            facts = os.fstat(file)
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
                raise ProtocolError(f"{name} is not a regular file with one name")
            if facts.st_size != size:
                raise ProtocolError(f"{name} has {facts.st_size} bytes where {size} were announced")
            yield file, dtype, actual, size
        except OSError as error:
            raise ProtocolError(f"the array {name} cannot be read ({error.strerror})") from None
        finally:
            os.close(file)
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._folder)

    def size(self, most: int) -> int:
        """Return the bytes of the files in the folder; more than ``most`` if it cannot be searched.

        No link is followed, even while the worker replaces folders by links.
        """
        return folder_bytes(self._folder, most)

    def close(self) -> None:
        """Remove the folder; the process that wrote to it must have ended."""
        with contextlib.suppress(OSError):
            os.close(self._folder)
        self._scratch.close()


class Log:
    """The output of a worker, in an unnamed file."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(dir=in_memory())  # noqa: SIM115 - closed by close()
        os.set_inheritable(self.descriptor, False)

    @property
    def descriptor(self) -> int:
        """The descriptor to pass to the process as its output."""
        return self._file.fileno()

    def size(self) -> int:
        """Return the bytes that the file takes, even after the worker has closed it."""
        return os.fstat(self.descriptor).st_blocks * 512

    @property
    def file(self) -> File:
        """The device and inode of the file."""
        facts = os.fstat(self.descriptor)
        return facts.st_dev, facts.st_ino

    def end(self) -> str:
        """Return the end of the output, at most ``LARGEST_LOG`` bytes."""
        with contextlib.suppress(OSError):
            start = max(0, os.fstat(self.descriptor).st_size - LARGEST_LOG)
            return os.pread(self.descriptor, LARGEST_LOG, start).decode(errors="replace")
        return ""

    def close(self) -> None:
        """Close the file, which frees its space."""
        self._file.close()


def _described(
    message: object, shape: tuple[int | None, ...] | None, most: int
) -> tuple[str, str, tuple[int, ...], int]:
    """Return name, type, shape and bytes of a reply's array; raise ProtocolError if invalid."""
    import numpy as np

    parts = message if isinstance(message, dict) else {}
    name, dtype, lengths = (parts.get(key) for key in ("$array", "dtype", "shape"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ProtocolError("it names no array")
    if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
        raise ProtocolError("an array does not hold numbers")
    if not isinstance(lengths, list) or len(lengths) > _MOST_DIMENSIONS:
        raise ProtocolError("an array has no shape")
    if not all(type(length) is int and 0 <= length < 2**48 for length in lengths):
        raise ProtocolError("an array has invalid lengths")
    actual = tuple(lengths)
    if shape is not None and (
        len(shape) != len(actual)
        or any(
            expected not in {None, length} for expected, length in zip(shape, actual, strict=True)
        )
    ):
        expected = "x".join("?" if length is None else str(length) for length in shape)
        raise ProtocolError(
            f"an array is {'x'.join(map(str, actual))} where {expected} was expected"
        )
    size = np.dtype(dtype).itemsize
    for length in actual:
        size *= length  # Python's integers do not overflow
    if size > most:
        raise ProtocolError(f"an array has {size:,} bytes, more than the {most:,} allowed")
    return name, dtype, actual, size
