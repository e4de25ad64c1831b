"""Check whether a text from a user or a file names an existing path."""

from __future__ import annotations

from pathlib import Path


def exists(name: str | Path) -> bool:
    """Whether a file or folder of this name exists; False for a name that no file can have.

    >>> exists("a" * 10_000), exists("a\\0b"), exists("")
    (False, False, False)
    """
    try:
        return bool(str(name)) and Path(name).exists()
    except (OSError, ValueError):
        return False  # too long, or characters that no file name may have


def is_file(name: str | Path) -> bool:
    """Whether a regular file of this name exists; False for a name that no file can have."""
    try:
        return exists(name) and Path(name).is_file()
    except (OSError, ValueError):
        return False
