"""The provenance that every record contains."""

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
from zoodiff.zoos.registry import Entry


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@functools.cache
def hardware() -> Hardware:
    """The machine that this process runs on."""
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


def installed_versions(entry: Entry) -> dict[str, str]:
    """Versions of the entry's frameworks by their metadata, without starting a worker."""
    spec = entry.worker
    place = environments.interpreter(spec.environment.name) if spec.environment else None
    named = (spec.name, spec.distributions, place)
    if named not in _INSTALLED:  # metadata is slow to read, and a study asks for every entry
        found = environments.versions(spec)
        _INSTALLED[named] = {name: v for name, v in found.items() if v is not None}
    return dict(_INSTALLED[named])


_INSTALLED: dict[tuple[str, tuple[str, ...], Path | None], dict[str, str]] = {}


def identity(entry: Entry) -> dict[str, Any]:
    """Return the identity of an entry beyond its name; for a file, size and modification time."""
    return {"file": list(entry.stamp)} if isinstance(entry, FileEntry) else {}
