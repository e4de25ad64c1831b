"""Texts that may be paths, as users and files give them."""

from __future__ import annotations

from pathlib import Path


def exists(name: str | Path) -> bool:
    """Whether there is a file or folder of this name; False too where no file could have it.

    >>> exists("a" * 10_000), exists("a\\0b"), exists("")
    (False, False, False)
    """
    try:
        return bool(str(name)) and Path(name).exists()
    except (OSError, ValueError):
        return False  # too long, or with characters that no name has


def is_file(name: str | Path) -> bool:
    """Whether there is a file of this name; False too where no file could have it."""
    try:
        return exists(name) and Path(name).is_file()
    except (OSError, ValueError):
        return False
