"""Graphs of zoos' entries that were described before: no framework is imported again for them.

A graph is kept under everything that it follows from: the entry, the versions of the zoo's
distributions, and the code that describes it. Files are never kept: they are read each time. What
cannot be read or written is described again, without a word.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.metadata
import json
import os
import secrets
from functools import cache
from pathlib import Path

from zoodiff._version import __version__
from zoodiff.graph import validate
from zoodiff.graph.ir import Graph
from zoodiff.workers import environments, paths
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

_LARGEST = 64 * 2**20
"""Bytes of one graph, unpacked."""
_ALL = 256 * 2**20
"""Bytes of all kept graphs; the oldest go first."""


def key_of(entry: Entry) -> str | None:
    """Return what a graph follows from, as text; None for an entry that is not kept.

    Files may change, and so may zoos of third parties, whose code may lie anywhere.
    """
    ships_with_zoodiff = entry.worker.backend.startswith("zoodiff.") and entry.worker.distributions
    if isinstance(entry, FileEntry) or entry.foreign or not ships_with_zoodiff:
        return None
    versions = _versions(entry)
    if versions is None:
        return None
    facts = {
        "entry": str(entry.ref),
        "input": list(entry.model.input_shape),
        "versions": versions,
        "zoodiff": __version__,
        "code": _code(),
    }
    return json.dumps(facts, sort_keys=True)


def load(key: str) -> Graph | None:
    """Return a kept graph, None where there is none that can be read."""
    path = _path(key)
    try:
        with gzip.open(path) as file:
            raw = json.loads(file.read(_LARGEST))
        if raw["key"] != key:
            return None
        graph = Graph.from_dict(raw["graph"])
        validate.check(graph)
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the last to be dropped
    return graph


def save(key: str, graph: Graph) -> None:
    """Keep a graph, whole or not at all."""
    path = _path(key)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    data = json.dumps({"key": key, "graph": graph.to_dict()}, separators=(",", ":")).encode()
    if len(data) > _LARGEST:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(gzip.compress(data, compresslevel=3, mtime=0))
        partial.replace(path)
        _prune(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def folder() -> Path:
    """Where graphs are kept."""
    return paths.cache() / "graphs"


def _path(key: str) -> Path:
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()}.json.gz"


def _versions(entry: Entry) -> dict[str, str] | None:
    """Versions of what describes an entry, without importing it; None where they are not known."""
    spec = entry.worker
    if spec.environment is not None:
        ready = environments.folder(spec.environment.name) / environments.READY
        if environments.interpreter(spec.environment.name) is None or not ready.is_file():
            return None
        if os.environ.get(environments.variable(spec.environment.name)):
            return None  # somebody else's, and it may change
        return {"environment": ready.read_text()}
    try:
        return {name: importlib.metadata.version(name) for name in spec.distributions}
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def _code() -> str:
    """A hash of zoodiff's own files by name, size and time of change."""
    stamps = []
    for path in Path(__file__).parents[1].rglob("*"):
        if path.suffix in {".py", ".json", ".toml"}:
            facts = path.stat()
            stamps.append((str(path), facts.st_size, facts.st_mtime_ns))
    return hashlib.sha256(repr(sorted(stamps)).encode()).hexdigest()


def _prune(directory: Path) -> None:
    """Drop the graphs that were used longest ago, where all are too large together."""
    files = [(f.stat().st_mtime, f.stat().st_size, f) for f in directory.iterdir() if f.is_file()]
    total = sum(size for _, size, _ in files)
    for _, size, file in sorted(files, key=lambda item: item[0]):
        if total <= _ALL:
            return
        file.unlink(missing_ok=True)
        total -= size
