"""Graphs are kept for entries of zoos, for as long as nothing changes that they follow from."""

from __future__ import annotations

import gzip
import importlib.metadata
import json
from pathlib import Path

import pytest

from zoodiff.architecture import describe, graph_cache
from zoodiff.engines.pool import WorkerPool
from zoodiff.graph.ir import Graph
from zoodiff.zoos import registry

pytestmark = pytest.mark.torch
ENTRY = "mini-torch:cnn"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path))
    return tmp_path


def entry() -> registry.Entry:
    names = [m.name for m in registry.find_zoo("mini-torch").models()]
    return registry.resolve(f"mini-torch:{names[0]}@random")


class NoWorkers:
    """A pool that must not be asked."""

    def worker(self, *arguments: object, **keywords: object) -> object:
        raise AssertionError("a worker was started")


def test_a_second_description_starts_no_worker() -> None:
    with WorkerPool(None) as engine:
        first = describe.graph_of(engine, entry())
    second = describe.graph_of(NoWorkers(), entry())  # type: ignore[arg-type]
    assert second == first
    assert isinstance(second, Graph)


def test_another_version_is_described_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = graph_cache.key_of(entry())
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda n: "99" if n == "torch" else real(n))
    after = graph_cache.key_of(entry())
    assert before is not None
    assert after is not None
    assert before != after


def test_another_code_is_described_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = graph_cache.key_of(entry())
    monkeypatch.setattr(graph_cache, "_code", lambda: "other")
    assert graph_cache.key_of(entry()) != before


def test_files_are_never_kept(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    assert graph_cache.key_of(registry.resolve(str(path))) is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"no gzip", gzip.compress(b"{}"), gzip.compress(json.dumps({"key": 1}).encode())],
)
def test_what_cannot_be_read_is_described_again(damage: bytes) -> None:
    key = graph_cache.key_of(entry())
    assert key is not None
    with WorkerPool(None) as engine:
        graph = describe.graph_of(engine, entry())
        (file,) = graph_cache.folder().iterdir()
        file.write_bytes(damage)
        assert graph_cache.load(key) is None
        assert describe.graph_of(engine, entry()) == graph
    assert graph_cache.load(key) == graph


def test_a_graph_that_contradicts_itself_is_not_taken() -> None:
    key = graph_cache.key_of(entry())
    assert key is not None
    with WorkerPool(None) as engine:
        raw = describe.graph_of(engine, entry()).to_dict()
    raw["nodes"][0]["inputs"] = ("nowhere",)
    (file,) = graph_cache.folder().iterdir()
    file.write_bytes(gzip.compress(json.dumps({"key": key, "graph": raw}).encode()))
    assert graph_cache.load(key) is None


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with WorkerPool(None) as engine:
        graph = describe.graph_of(engine, entry())
    monkeypatch.setattr(graph_cache, "_ALL", 1)
    monkeypatch.setattr(graph_cache, "_PRUNED_AFTER", 1)
    graph_cache.save("another", graph)
    assert len(list(graph_cache.folder().iterdir())) == 0
