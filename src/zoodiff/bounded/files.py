"""Open regular files only, and read a limited number of bytes.

Opening a pipe blocks until a writer appears, reading a device may never end, and a sparse file of a
terabyte takes no space on the disk. So a file is opened without blocking, its type is checked on
the open descriptor, and it is read up to a limit. A network file system that does not answer still
blocks the process: the kernel waits for it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
LONGEST_LINE = 1 << 16
"""The largest number of characters of one line, in texts that are read line by line."""
MOST_LINES = 2_000_000
"""The largest number of lines of such a text; a data set has one line per image."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class _SentenceError(OSError):
    """An OSError whose text is its sentence alone, without the error number and the file's name."""

    def __str__(self) -> str:
        return str(self.strerror)


class NotRegularError(_SentenceError):
    """A pipe, a device, a socket or a folder where a file was expected."""


class TooLargeError(_SentenceError):
    """A file that exceeds the size limit of its kind."""


def too_large(size: int | None, most: int) -> TooLargeError:
    """Return the error for a file of ``size`` bytes; ``most`` is the limit, in bytes."""
    has = f"it has {size:,} bytes" if size is not None else "it goes on"
    return TooLargeError(errno.EFBIG, f"{has}, and {most:,} are read at most")


def open_regular(path: Path | str, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file for reading, without blocking.

    Raises NotRegularError, an OSError, for any other kind of file, and for a symbolic link unless
    ``follow`` is set.
    """
    try:
        descriptor = os.open(path, _FLAGS | (0 if follow else _NO_LINK))
    except ValueError:  # a NUL in the name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
    except OSError as error:
        raise _explained(error, follow) from None
    return _checked(descriptor)


def open_beneath(folder: Path, name: str) -> io.BufferedReader:
    """Open a regular file inside a folder, without following any link below that folder.

    Raises NotRegularError where a part of the name is a link, or where the name leaves the folder.
    """
    *above, last = Path(name).parts or ("",)
    if Path(name).is_absolute() or ".." in (*above, last):
        raise NotRegularError(errno.EXDEV, "it is outside its folder")
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            below = os.open(part, _FLAGS | os.O_DIRECTORY | _NO_LINK, dir_fd=directory)
            os.close(directory)
            directory = below
        return _checked(os.open(last, _FLAGS | _NO_LINK, dir_fd=directory))
    except OSError as error:
        raise _explained(error, False) from None
    finally:
        os.close(directory)


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def read_bytes(path: Path | str, most: int, *, follow: bool = True) -> bytes:
    """Read a whole regular file; raise TooLargeError, an OSError, above ``most`` bytes."""
    with open_regular(path, follow=follow) as file:
        return read_all(file, most)


def read_all(file: BinaryIO, most: int) -> bytes:
    """Read the rest of an open file; raise TooLargeError above ``most`` bytes."""
    size = size_of(file)
    if size > most:
        raise too_large(size, most)
    # Reading one byte more than the size shows a file that grows. Files of /proc have size 0 and
    # are read up to the limit.
    content = file.read(size + 1)
    if len(content) > size:
        content += file.read(most + 1 - len(content))
        if len(content) > most:
            raise too_large(None, most)
    return content or b""


def read_text(path: Path | str, most: int, *, follow: bool = True) -> str:
    """Read a whole regular file as UTF-8; all line ends become line feeds.

    Raises OSError as ``read_bytes`` does, and UnicodeDecodeError.
    """
    text = read_bytes(path, most, follow=follow).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines(file: BinaryIO, most: int) -> Iterator[str]:
    """Yield the lines of an open UTF-8 text, without line ends.

    Raises TooLargeError for more than ``most`` characters, for a line of more than LONGEST_LINE
    characters and for more than MOST_LINES lines; UnicodeDecodeError for other encodings. Closes
    the file.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline=None)
    left, count = most, 0
    with contextlib.closing(text):
        while line := text.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise TooLargeError(
                    errno.EFBIG, f"it has a line of more than {LONGEST_LINE:,} characters"
                )
            left, count = left - len(line), count + 1
            if left < 0:
                raise too_large(None, most)
            if count > MOST_LINES:
                raise TooLargeError(errno.EFBIG, f"it has more than {MOST_LINES:,} lines")
            yield line.removesuffix("\n")


def _checked(descriptor: int) -> io.BufferedReader:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise NotRegularError(errno.EINVAL, f"it is {kind_of(mode)}, not a file")
    return os.fdopen(descriptor, "rb")


def kind_of(mode: int) -> str:
    """Return the kind of a file that is not regular, by its mode: "a folder", "a pipe", ..."""
    return next((name for test, name in _KINDS if test(mode)), "no file")


def _explained(error: OSError, follow: bool) -> OSError:
    """Return the error of opening a file, with a clearer message."""
    if error.errno == errno.ELOOP:
        why = "its links lead in a circle" if follow else "it is a link"
        return NotRegularError(errno.ELOOP, why)
    if error.errno == errno.ENXIO:  # a socket
        return NotRegularError(errno.ENXIO, "it is a socket or a device, not a file")
    if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN}:
        return NotRegularError(errno.EAGAIN, "another process holds it")
    if error.errno == errno.ENOTDIR and not follow:
        return NotRegularError(errno.ENOTDIR, "a part of its path is a link or no folder")
    return error
