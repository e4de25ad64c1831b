"""The provenance of a record: time, hardware, versions, and the identity of a file."""

from __future__ import annotations

import datetime
import functools
import platform
from pathlib import Path
from typing import Any

from zoodiff.cores import count_usable_cores
from zoodiff.store.records import Hardware
from zoodiff.workers import environments
from zoodiff.zoos.files import FileEntry
from zoodiff.zoos.folder_entry import FolderEntry
from zoodiff.zoos.registry import Entry
from zoodiff.zoos.runtime import modes, openvino_session


def now() -> str:
    """Return the current time in UTC as ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@functools.cache
def hardware() -> Hardware:
    """Return the hardware and system that this process runs on."""
    import psutil

    return Hardware(
        processor=_processor(),
        cores=count_usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def installed_versions(entry: Entry, mode: str = "") -> dict[str, str]:
    """Return versions of the entry's frameworks from package metadata; starts no worker.

    In a mode of another framework, that framework's version is one of them.
    """
    spec = entry.worker
    interpreter = environments.interpreter(spec.environment.name) if spec.environment else None
    key = (spec.name, spec.distributions, interpreter)
    if key not in _INSTALLED:  # metadata is slow to read, and a study needs it for every entry
        versions = environments.versions(spec)
        _INSTALLED[key] = {name: v for name, v in versions.items() if v is not None}
    foreign = {"openvino": openvino_session.version()} if mode in modes.OPENVINO else {}
    return _INSTALLED[key] | foreign


_INSTALLED: dict[tuple[str, tuple[str, ...], Path | None], dict[str, str]] = {}


def identity(entry: Entry) -> dict[str, Any]:
    """Return the identity of an entry beyond its name; for a file, size and modification time."""
    if isinstance(entry, FolderEntry):
        return {"file": list(entry.stamp)}
    return entry.identity if isinstance(entry, FileEntry) else {}
