"""What the cache of graphs holds, by zoo and versions, and which of it is usable here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from zoodiff.architecture import graph_cache
from zoodiff.store.records import key_of
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry


class Key(BaseModel):
    """What determines a graph, as the cache has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    entry: str = Field(max_length=1000)
    input: list[int] = Field(max_length=8)
    versions: dict[str, str]
    zoodiff: str = Field(max_length=100)
    code: str = Field(pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class GraphsOfZoo:
    """The graphs in the cache of one zoo in one set of versions."""

    zoo: str
    versions: str
    """Versions of the zoo's packages in words, with zoodiff's."""
    graphs: int
    usable: int
    """Graphs of entries of this machine, in its versions."""
    bytes: int


@dataclass(frozen=True)
class IndexSummary:
    """What the cache of graphs holds."""

    folder: str
    zoos: tuple[GraphsOfZoo, ...]
    damaged: int
    """Files that cannot be read; they are described again."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "graphs": self.graphs, "bytes": self.bytes}

    @property
    def graphs(self) -> int:
        """Number of readable graphs."""
        return sum(zoo.graphs for zoo in self.zoos)

    @property
    def bytes(self) -> int:
        """Size of the readable graphs on the disk."""
        return sum(zoo.bytes for zoo in self.zoos)


def summary() -> IndexSummary:
    """Return the graphs in the cache by zoo and versions."""
    here = usable()
    groups: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    damaged = 0
    for path in files():
        try:
            facts = key_from(json.loads(graph_cache.key_in(path)))
            size = path.stat().st_size
        except (OSError, EOFError, ValueError, LookupError, TypeError):
            damaged += 1
            continue
        zoo = facts.entry.partition(":")[0]
        groups.setdefault((zoo, _words(facts)), []).append((size, path.name in here))
    rows = [
        GraphsOfZoo(
            zoo,
            versions,
            graphs=len(of),
            usable=sum(is_usable for _, is_usable in of),
            bytes=sum(size for size, _ in of),
        )
        for (zoo, versions), of in sorted(groups.items())
    ]
    return IndexSummary(str(graph_cache.folder()), tuple(rows), damaged)


def files() -> list[Path]:
    """Return the files of the cache, sorted; none if it cannot be read."""
    try:
        return sorted(graph_cache.folder().glob("*.json.gz"))
    except OSError:
        return []


def usable() -> frozenset[str]:
    """Return the files of the graphs of this machine's entries, in its versions."""
    entries = [
        Entry(zoo, model, weights)
        for zoo in registry.zoos().values()
        for model in registry.models(zoo.name).values()
        for weights in (*model.weights, None)
    ]
    keys = graph_cache.keys_of(entries)
    return frozenset(graph_cache.file_name(key) for key in keys if key is not None)


def key_from(raw: Any) -> Key:
    """Return a key; raise ValueError if it is none."""
    return Key.model_validate(raw)


def _words(facts: Key) -> str:
    versions = ", ".join(
        f"environment {key_of(environment=version)[:8]}"
        if name == "environment"
        else f"{name} {version}"
        for name, version in sorted(facts.versions.items())
    )
    return f"{versions[:200]}; zoodiff {facts.zoodiff}, code {facts.code[:8]}"
