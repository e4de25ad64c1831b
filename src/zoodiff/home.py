"""zoodiff's own folder on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """Return the folder for environments, caches and what the user registered.

    This is ``ZOODIFF_HOME`` if set; else a folder in the virtual environment of zoodiff, so that
    removing the environment removes everything; else the user's data folder.
    """
    named = os.environ.get("ZOODIFF_HOME")
    if named:
        return Path(named).expanduser().resolve()
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "share" / "zoodiff"
    import platformdirs

    return Path(platformdirs.user_data_dir("zoodiff"))
