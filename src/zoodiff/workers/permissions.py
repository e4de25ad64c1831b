"""The files and folders whose code the user allowed to run: a list of hashes in zoodiff's home.

A permission belongs to a file's content: a file that changes is refused again. The list is plain
text with a SHA-256 and a remark per line; deleting a line revokes the permission.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from zoodiff import filenames
from zoodiff.bounded import files
from zoodiff.errors import UsageError
from zoodiff.workers import paths
from zoodiff.zoos.scan import python_code
from zoodiff.zoos.scan.python_code import HUBCONF

_LARGEST = 1 << 20
_HASH = re.compile(r"[0-9a-f]{64}")


def place() -> Path:
    """Return the path of the list."""
    return paths.home() / "allowed-code.txt"


def allowed() -> frozenset[str]:
    """Return the SHA-256 of every file whose code may run; empty without a list."""
    try:
        text = files.read_text(place(), _LARGEST)
    except (OSError, UnicodeDecodeError):
        return frozenset()
    firsts = (line.split(maxsplit=1)[0] for line in text.splitlines() if line.strip())
    return frozenset(word for word in firsts if _HASH.fullmatch(word))


def allow(path: Path) -> str:
    """Allow the code of a file or a folder, as it is now; return its SHA-256.

    That of a folder with a ``hubconf.py`` is ``python_code.code_digest``. Raises UsageError if the
    code cannot be read or the list cannot be written.
    """
    try:
        digest = _digest(path)
    except OSError as error:
        raise UsageError(
            f"the code of {path} cannot be allowed, since it cannot be read "
            f"({error.strerror or error})"
        ) from None
    if digest in allowed():
        return digest
    try:
        place().parent.mkdir(parents=True, exist_ok=True)
        with place().open("a", encoding="utf-8") as file:
            file.write(f"{digest}  {str(path.resolve())!r}\n")
    except OSError as error:
        raise UsageError(
            f"cannot write {place()} ({error.strerror}); name another folder with ZOODIFF_HOME"
        ) from None
    return digest


def _digest(path: Path) -> str:
    if filenames.is_file(path / HUBCONF):
        return python_code.code_digest(path)
    with files.open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(text: str) -> str:
    """Return the hash of ``sha256:...``; raise ValueError if it is invalid.

    >>> digest_of("sha256:" + "0" * 64)[:4]
    '0000'
    """
    digest = text.removeprefix("sha256:").lower()
    if not text.startswith("sha256:") or not _HASH.fullmatch(digest):
        raise ValueError("write sha256: and 64 hexadecimal digits")
    return digest
