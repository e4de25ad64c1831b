"""A cache of the graphs of zoos' entries, so that no framework is imported a second time.

The key of a graph holds all that determines it: the entry, the versions of the zoo's distributions,
and zoodiff's own code. Graphs of model files are never cached. Where the cache cannot be read or
written, the entry is described again, without a message.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.metadata
import itertools
import json
import os
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from zoodiff._version import __version__
from zoodiff.activity import note
from zoodiff.graph import validate
from zoodiff.graph.ir import Graph
from zoodiff.workers import environments, paths
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

LARGEST = 64 * 2**20
"""The largest size of one graph in bytes, uncompressed."""
_ALL = 1024 * 2**20
"""The largest size of the whole cache in bytes; least recently used graphs are removed first."""
_PRUNED_AFTER = 32
"""Graphs that a process writes between two looks at the size of the cache."""


def key_of(entry: Entry) -> str | None:
    """Return the cache key of an entry's graph; None for an entry whose graph is not cached.

    Files are not cached, since they may change, nor are zoos of third parties, whose code may lie
    anywhere.
    """
    return _key(entry, _versions(entry)) if _is_cached(entry) else None


def keys_of(entries: Iterable[Entry]) -> list[str | None]:
    """Return the cache keys of many entries; versions are looked up once per zoo."""
    versions: dict[str, dict[str, str] | None] = {}
    keys: list[str | None] = []
    for entry in entries:
        if not _is_cached(entry):
            keys.append(None)
            continue
        if entry.zoo.name not in versions:
            versions[entry.zoo.name] = _versions(entry)
        keys.append(_key(entry, versions[entry.zoo.name]))
    return keys


def _is_cached(entry: Entry) -> bool:
    ships_with_zoodiff = entry.worker.backend.startswith("zoodiff.") and entry.worker.distributions
    return bool(ships_with_zoodiff) and not isinstance(entry, FileEntry) and not entry.foreign


def _key(entry: Entry, versions: dict[str, str] | None) -> str | None:
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


def file_name(key: str) -> str:
    """Return the name of the file that holds the graph of a key."""
    return f"{hashlib.sha256(key.encode()).hexdigest()}.json.gz"


def load(key: str) -> Graph | None:
    """Return a cached graph; None where there is none or it cannot be read."""
    path = _path(key)
    try:
        known, raw = decoded(path)
        if known != key:
            return None
        graph = Graph.from_dict(raw)
        validate.check(graph)
    except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # mark it as used last
    note("graph of %s: from the cache", json.loads(key)["entry"])
    return graph


def save(key: str, graph: Graph) -> None:
    """Write a graph to the cache, atomically."""
    path = _path(key)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    data = encoded(key, graph.to_dict())
    if data is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
        if next(_SAVED) % _PRUNED_AFTER == 0:
            _prune(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def encoded(key: str, graph: dict[str, Any]) -> bytes | None:
    """Return the file of a graph, given as plain values; None if it is too large."""
    data = json.dumps({"key": key, "graph": graph}, separators=(",", ":")).encode()
    return gzip.compress(data, compresslevel=3, mtime=0) if len(data) <= LARGEST else None


def decoded(path: Path) -> tuple[str, dict[str, Any]]:
    """Return key and graph of a file of the cache.

    Raises OSError, EOFError, ValueError, LookupError or TypeError if it is damaged.
    """
    with gzip.open(path) as file:
        raw = json.loads(file.read(LARGEST))
    return str(raw["key"]), raw["graph"]


def key_in(path: Path) -> str:
    """Return the key in a file of the cache without reading all of the graph.

    Raises OSError, EOFError or ValueError if it is damaged.
    """
    with gzip.open(path) as file:
        head = file.read(_KEY).decode(errors="replace")
    if not head.startswith(_BEFORE_KEY):
        raise ValueError("it does not start with a key")
    key, _ = json.JSONDecoder().raw_decode(head, len(_BEFORE_KEY))
    if not isinstance(key, str):
        raise ValueError("its key is no text")
    return key


_BEFORE_KEY = '{"key":'
_KEY = 8192
"""Bytes at the start of a file that hold its key."""
_SAVED = itertools.count()


def folder() -> Path:
    """Return the folder of the cache."""
    return paths.cache() / "graphs"


def _path(key: str) -> Path:
    return folder() / file_name(key)


def _versions(entry: Entry) -> dict[str, str] | None:
    """Return the versions of an entry's distributions without importing them; None if unknown."""
    spec = entry.worker
    if spec.environment is not None:
        ready = environments.folder(spec.environment.name) / environments.READY
        if environments.interpreter(spec.environment.name) is None or not ready.is_file():
            return None
        if os.environ.get(environments.variable(spec.environment.name)):
            return None  # the user's own environment, which may change
        return {"environment": ready.read_text()}
    try:
        return {name: importlib.metadata.version(name) for name in spec.distributions}
    except importlib.metadata.PackageNotFoundError:
        return None


_DESCRIBES = ("bounded", "frontends", "graph", "workers", "zoos")
"""Folders with the code that a graph and its fingerprints follow from."""
_NAMES = "zoos/names/"
"""What is left out of them: names do not change a graph."""


@cache
def _code() -> str:
    """Return a hash of the files that graphs follow from, by name and content.

    It is the same on every machine with the same zoodiff.
    """
    root = Path(__file__).parents[1]
    paths = [
        *root.glob("*.py"),
        *(path for part in _DESCRIBES for path in (root / part).rglob("*")),
    ]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
        if path.suffix in {".py", ".json", ".toml", ".csv"} and not name.startswith(_NAMES):
            content = path.read_bytes()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _prune(directory: Path) -> None:
    """Delete the least recently used graphs until the cache is within its limit."""
    files = [(f.stat().st_mtime, f.stat().st_size, f) for f in directory.iterdir() if f.is_file()]
    total = sum(size for _, size, _ in files)
    for _, size, file in sorted(files, key=lambda item: item[0]):
        if total <= _ALL:
            return
        file.unlink(missing_ok=True)
        total -= size
