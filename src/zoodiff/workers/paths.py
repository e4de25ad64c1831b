"""Return the folder of environments and caches."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """The folder for environments and caches.

    ``ZOODIFF_HOME`` where it is set; else inside the virtual environment that zoodiff is
    installed in, so that removing it removes everything; else the user's data folder.
    """
    named = os.environ.get("ZOODIFF_HOME")
    if named:
        return Path(named).expanduser().resolve()
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "share" / "zoodiff"
    import platformdirs

    return Path(platformdirs.user_data_dir("zoodiff"))


def cache() -> Path:
    """Return the cache folder, for trained mini-zoo weights and fetched files."""
    return home() / "cache"


def environments() -> Path:
    """The folder of the zoos' own virtual environments."""
    return home() / "envs"
