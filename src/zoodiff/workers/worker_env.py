"""The environment variables and the scratch folder of a worker."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from zoodiff.workers import environments, paths
from zoodiff.workers.inside.runtime_info import variables

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOM = 4 * 1024**3
"""Free bytes that are required to share arrays in memory."""
_SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "API_KEY", "PRIVATE_KEY")
_HARMLESS = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "USER")
_HARMLESS_STARTS = ("LC_",)
"""Variables of the user that a worker with untrusted files may see.

It also sees the variables that change the speed of numerical libraries.
"""


def worker_environment(
    outer: Mapping[str, str], threads: int, interpreter: Path, confined: Path | None = None
) -> dict[str, str]:
    """Return a worker's environment variables: the user's without secrets, and thread counts.

    A framework's runtime reads the thread variables once, when it starts, so a worker has one
    number of threads. ``confined`` is the scratch folder of a worker that opens untrusted files:
    it sees only variables known to be harmless, and frameworks write their caches to that folder.
    """
    inner = {
        name: value
        for name, value in outer.items()
        if not any(word in name.upper() for word in _SECRET_WORDS) and name != "PYTHONPATH"
    }
    if confined is not None:
        inner = variables(inner) | {
            name: value
            for name, value in inner.items()
            if name in _HARMLESS or name.startswith(_HARMLESS_STARTS)
        }
        for name in ("TMPDIR", "XDG_CACHE_HOME", "KERAS_HOME", "TORCHINDUCTOR_CACHE_DIR"):
            inner[name] = str(confined)
        # A lock would block other processes that use the file.
        inner["HDF5_USE_FILE_LOCKING"] = "FALSE"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        inner[name] = str(threads)
    inner["TF_NUM_INTRAOP_THREADS"] = str(threads)
    inner["TF_NUM_INTEROP_THREADS"] = "1"
    inner["TF_CPP_MIN_LOG_LEVEL"] = "2"
    inner["ZOODIFF_CACHE"] = str(paths.cache())
    if interpreter != Path(sys.executable):
        # A zoo's own environment lacks zoodiff and imports this code through a link. The isolated
        # interpreter ignores the variable; the parent passes it in the first message.
        inner["PYTHONPATH"] = str(environments.code_link(_PACKAGE))
    return inner


def in_memory() -> str | None:
    """Return a folder in memory with enough room, or None for the default place."""
    shared = Path("/dev/shm")
    with contextlib.suppress(OSError):
        if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM:
            return str(shared)
    return None
