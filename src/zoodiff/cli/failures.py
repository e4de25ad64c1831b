"""Map exceptions to a sentence, an exit code and a kind.

A full disk, too many open files or a folder without permission is not a bug of zoodiff. Libraries
wrap such errors in their own, so the causes of an error are searched.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from zoodiff.cli.exit_codes import NOT_MEASURED, USAGE
from zoodiff.errors import ZoodiffError

_ROOM = "make room, or name a folder on another disk"
_PERMIT = "permit it, or name another file or folder"
_REMEDIES: dict[int, tuple[str, int]] = {
    errno.ENOSPC: (_ROOM, USAGE),
    errno.EDQUOT: (_ROOM, USAGE),
    errno.EFBIG: ("allow larger files with ulimit -f, or name a folder on another disk", USAGE),
    errno.EROFS: ("name a folder that can be written", USAGE),
    errno.EACCES: (_PERMIT, USAGE),
    errno.EPERM: (_PERMIT, USAGE),
    errno.EMFILE: ("allow more with ulimit -n", NOT_MEASURED),
    errno.ENFILE: ("end other programs, or allow more with sysctl fs.file-max", NOT_MEASURED),
    errno.ENOMEM: ("end other programs, or allow more with ulimit -v", NOT_MEASURED),
    errno.EAGAIN: ("end other programs, or allow more processes with ulimit -u", NOT_MEASURED),
}
_DEFAULT = ("see that it is there and can be used", USAGE)
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)
"""System errors that libraries wrap in their own, some only as text, for example in ImportError."""

_MESSAGES = {
    "failed to map segment from shared object": errno.ENOMEM,
    "can't start new thread": errno.EAGAIN,
}
"""Messages of the loader and of Python that carry no error number."""
_UNEXPECTED = "unexpected"
"""First word of the sentence about a bug."""
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""Numpy's message for a full disk."""


def explained(error: BaseException) -> tuple[str, int]:
    """Return a sentence that names the thing and says what to do, and the exit code."""
    if isinstance(error, ZoodiffError):
        return str(error), error.exit_code
    for cause in _causes(error):
        number = _shortage(cause)
        if number is not None:
            return _of_system(cause, number)
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error, error.errno)
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "the home folder is not known; set HOME, or ZOODIFF_HOME for zoodiff's files", USAGE
    return (
        f"{_UNEXPECTED} {type(error).__name__}: {error}; "
        "run again with --debug before the command for the traceback, and report it",
        NOT_MEASURED,
    )


def kind_of(error: BaseException) -> str:
    """Return the ``kind`` of an error object: ``system``, ``bug`` or that of a ZoodiffError."""
    if isinstance(error, ZoodiffError):
        return error.kind
    return "bug" if explained(error)[0].startswith(_UNEXPECTED) else "system"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the last error first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _shortage(error: BaseException) -> int | None:
    """Return the system's error number if a resource ran out, else None."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _SHORTAGES else None
    if isinstance(error, OSError) and _SHORT_WRITE.search(str(error)):
        return errno.ENOSPC
    messages = {os.strerror(number): number for number in _SHORTAGES} | _MESSAGES
    return next((number for words, number in messages.items() if words in str(error)), None)


def _of_system(error: BaseException, number: int) -> tuple[str, int]:
    remedy, code = _REMEDIES.get(number, _DEFAULT)
    reason = os.strerror(number)
    if isinstance(error, OSError):
        reason = error.strerror or reason
        if number == errno.ENOENT and "temporary directory" in reason:
            # Python raises this error whatever the cause.
            remedy = "name a folder that can be written with TMPDIR, or allow more open files"
            return f"{reason}; {remedy} with ulimit -n", USAGE
        if number == errno.ENOENT and error.filename is None and not _has_folder():
            return "the folder that the command was called in is gone; change to another", USAGE
        if error.filename is not None:
            return f"cannot use {_named(error.filename)} ({reason}); {remedy}", code
    elif number not in (errno.ENOMEM, errno.EAGAIN):
        reason = str(error)
    return f"the system refuses what zoodiff needs ({reason}); {remedy}", code


def _named(file: object) -> str:
    """Return the name of a file; an error may hold its bytes or its descriptor."""
    return os.fsdecode(file) if isinstance(file, bytes) else str(file)


def _has_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib would do the same
    except OSError:
        return False
    return True
