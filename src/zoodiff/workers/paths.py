"""The folders of zoodiff's environments and caches."""

from __future__ import annotations

from pathlib import Path

from zoodiff.home import home as home  # noqa: PLC0414


def cache() -> Path:
    """Return the cache folder, for trained mini-zoo weights and fetched files."""
    return home() / "cache"


def environments() -> Path:
    """Return the folder of the virtual environments of zoos."""
    return home() / "envs"
