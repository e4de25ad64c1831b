"""Results of the audit, kept so that the next one goes on where the last one stopped.

A key holds all that determines a result: the recipes, the versions of what ran them, the hash of
the images, and zoodiff's own code. Where the cache cannot be read or written, the result is
computed again, without a message.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from zoodiff.workers import environments, paths
from zoodiff.zoos.base import WorkerSpec

_LARGEST = 2**20
_MOST_FILES = 20_000
_DETERMINE = ("attribution", "difference", "own_code", "rendering", "steps", "window")
"""Modules of this folder whose code determines results; the others only collect and schedule."""
Key = Mapping[str, Any]


def load(key: Key) -> Any:
    """Return a cached result; None where there is none or it cannot be read."""
    try:
        with _path(key).open("rb") as file:
            raw = json.loads(file.read(_LARGEST))
        return raw["result"] if raw["key"] == json.loads(_text(key)) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def save(key: Key, result: Any) -> None:
    """Write a result, atomically."""
    path = _path(key)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"key": key, "result": result}), encoding="utf-8")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def prune() -> None:
    """Delete the oldest results beyond a fixed number."""
    with contextlib.suppress(OSError):
        files = sorted(_folder().iterdir(), key=lambda path: path.stat().st_mtime)
        for path in files[:-_MOST_FILES]:
            path.unlink(missing_ok=True)


def versions_of(specs: Iterable[WorkerSpec]) -> dict[str, Any]:
    """Return the versions of the distributions of workers, without importing them."""
    versions: dict[str, Any] = {}
    for spec in specs:
        versions |= _versions(spec)
    return versions


@cache
def _versions(spec: WorkerSpec) -> dict[str, str | None]:
    return environments.versions(spec)


@cache
def code() -> str:
    """Return a hash of the code that prepares and compares images."""
    package = Path(__file__).parents[1]
    files = [
        *(package / "recipes" / f"{name}.py" for name in _DETERMINE),
        *(package / "preprocessing").glob("*.py"),
        *(package / "zoos").glob("*/backend.py"),
        *(package / "zoos").glob("*/preprocessing.py"),
        *(package / "zoos").glob("*/image_processor*.py"),
        *(package / "zoos").glob("*/own_recipes.py"),
    ]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _folder() -> Path:
    return paths.cache() / "recipes"


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True)


def _path(key: Key) -> Path:
    return _folder() / f"{hashlib.sha256(_text(key).encode()).hexdigest()}.json"
