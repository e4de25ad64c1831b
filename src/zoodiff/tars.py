"""Tar archives from strangers, read with Python's ``tarfile``."""

from __future__ import annotations

import tarfile
from typing import Any

LARGEST_READ = 64 << 20
"""Bytes; headers and names are far smaller, and contents are read in pieces."""


class Bounded:
    """A file in which no read takes more memory than it has bytes left.

    ``tarfile`` reads extended headers and long names in one piece, of whatever size the archive
    says, and memory for it is taken before the file turns out to be shorter.
    """

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._size = file, size

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; raises ReadError for more than any header has."""
        left = max(self._size - self._file.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > LARGEST_READ:
            raise tarfile.ReadError(f"a header of {wanted:,} bytes")
        found: bytes = self._file.read(wanted)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
