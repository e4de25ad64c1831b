"""The Python code of a folder: its hash, and a copy that has nothing but what was hashed.

Hashed and copied is everything that Python can import (sources, compiled code, libraries), and
files of settings, which code may read while it builds a network. Folders of caches and of version
control are left out, and links are not followed. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from zoodiff.bounded.files import open_beneath, read_all
from zoodiff.errors import MeasurementError

HUBCONF = "hubconf.py"
"""The file of a repository whose functions torch.hub calls."""
CODE = frozenset({".py", ".pyc", ".pyd", ".so", ".dll", ".dylib"})
"""Endings of files that Python can import."""
SETTINGS = frozenset({".cfg", ".csv", ".ini", ".json", ".toml", ".txt", ".yaml", ".yml"})
"""Endings of files that code may read while it builds a network."""
LARGEST = 64 << 20
"""Bytes of code and settings in one folder."""
MOST_FILES = 20_000
_MOST_VISITED = 200_000
_LEFT_OUT = frozenset({"__pycache__", ".git", ".hg", ".svn"})


def is_kept(name: str) -> bool:
    """Whether a file of a folder is code or settings, by its name relative to the folder.

    >>> is_kept("hubconf.py"), is_kept("a/__pycache__/b.pyc"), is_kept("weights.pth")
    (True, False, False)
    """
    path = PurePosixPath(name)
    return path.suffix.lower() in CODE | SETTINGS and not _LEFT_OUT & set(path.parts)


def code_digest(folder: Path) -> str:
    """Return the SHA-256 of the list of a folder's code and settings.

    The list has a line per file, ordered by name, as ``sha256sum`` prints it. Raises OSError if a
    file cannot be read, MeasurementError for too many or too large files.
    """
    return _digest(_files(folder))


def copy(folder: Path, target: Path) -> str:
    """Copy code and settings of a folder, and return the SHA-256 of what was copied.

    Raises as ``code_digest`` does.
    """

    def copied() -> Iterator[tuple[str, bytes]]:
        for name, content in _files(folder):
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            yield name, content

    return _digest(copied())


def _digest(files: Iterator[tuple[str, bytes]]) -> str:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files}
    lines = (f"{hashes[name]}  {name}\n" for name in sorted(hashes, key=os.fsencode))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of every kept file; links are passed over."""
    room, count, visited = LARGEST, 0, 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        visited += len(folders) + len(names)
        for name in sorted(names):
            path = Path(place) / name
            relative = path.relative_to(folder).as_posix()
            if not is_kept(relative) or path.is_symlink():
                continue
            count += 1
            with open_beneath(folder, relative) as file:
                size = os.fstat(file.fileno()).st_size
                _check(folder, size <= room and count <= MOST_FILES)
                content = read_all(file, size)
            room -= len(content)
            yield relative, content
        _check(folder, visited <= _MOST_VISITED)


def _check(folder: Path, is_small: bool) -> None:
    if not is_small:
        raise MeasurementError(
            f"{folder} has more code than zoodiff reads ({LARGEST >> 20} MiB, {MOST_FILES:,} "
            "files); name the folder of the repository itself"
        )
