"""Hash a file, a folder, or a file together with its weight files.

Standard library only: it runs in workers of any environment.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from zoodiff.bounded.files import open_regular


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; of a folder, the sha256 of the list of its files.

    The list is the output of ``sha256sum`` for all files below the folder, ordered by name::

        find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum

    Links to files count as the files. Raises OSError if a file cannot be read.
    """
    if not path.is_dir():
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names: list[str] = []
    for place, _, files in os.walk(path):
        names += [(Path(place) / name).relative_to(path).as_posix() for name in files]
    return sha256_of_all(path, names)


def sha256_of_all(folder: Path, names: Iterable[str]) -> str:
    """Return the sha256 of the list of some files of a folder."""
    ordered = sorted(set(names), key=os.fsencode)
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in ordered]
    return hashlib.sha256("".join(lines).encode("utf-8", errors="surrogateescape")).hexdigest()
