"""Plugins: how zoos are found, and what a broken one costs."""

import importlib.metadata
import sys

import pytest

from zoodiff.zoos import registry


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch):
    def use(**values: str) -> None:
        found = [
            importlib.metadata.EntryPoint(name, value, registry.GROUP)
            for name, value in values.items()
        ]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found)
        registry._loaded.cache_clear()
        registry._models.cache_clear()

    yield use
    registry._loaded.cache_clear()
    registry._models.cache_clear()
    sys.modules.pop("my_zoo", None)


def test_a_plugin_of_another_package_is_a_zoo_like_any_other(points, tmp_path, monkeypatch) -> None:
    (tmp_path / "my_zoo.py").write_text(
        "from zoodiff.zoos.base import Model, WorkerSpec\n"
        "class Mine:\n"
        "    name, title, listed = 'mine', 'Mine', True\n"
        "    worker = WorkerSpec(name='mine', backend='my_zoo:backend', confined=False)\n"
        "    def models(self): return [Model('net', 'resnet50')]\n"
        "ZOO = Mine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points(mine="my_zoo:ZOO")
    assert str(registry.resolve("mine:net").ref) == "mine:net@random"
    assert [str(e.ref) for e in registry.by_architecture()["resnet50"]] == ["mine:net@random"]


OLD = """
from zoodiff.zoos.base import Model
class Mine:
    name, title, distributions = 'mine', 'Mine', ()
    extra = environment = None
    backend, listed = 'my_zoo:backend', True
    {line}
    def models(self): return [Model('net', 'resnet50')]
ZOO = Mine()
"""
SILENT = """
from zoodiff.zoos.base import Model, WorkerSpec
class Mine:
    name, title, listed = 'mine', 'Mine', True
    worker = WorkerSpec(name='mine', backend='my_zoo:backend')
    def models(self): return [Model('net', 'resnet50')]
ZOO = Mine()
"""


@pytest.mark.parametrize(
    "text",
    [
        SILENT,
        OLD.format(line=""),
        OLD.format(line="confined = False"),
        OLD.format(line="confind = False"),
        OLD.format(line="worker = dict(name='mine', backend='my_zoo:backend', confined=False)"),
    ],
)
def test_a_plugin_that_does_not_say_how_its_worker_starts_is_confined(
    points, tmp_path, monkeypatch, text: str
) -> None:
    (tmp_path / "my_zoo.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    points(mine="my_zoo:ZOO")
    entry = registry.resolve("mine:net")
    assert entry.worker.confined
    assert entry.worker.backend == "my_zoo:backend"


def test_a_misspelled_field_of_a_worker_is_a_broken_plugin(points, tmp_path, monkeypatch) -> None:
    (tmp_path / "my_zoo.py").write_text(SILENT.replace("backend'", "backend', confind=False"))
    monkeypatch.syspath_prepend(tmp_path)
    points(mine="my_zoo:ZOO")
    with pytest.raises(registry.BrokenZooError, match="confind"):
        registry.resolve("mine:net")


def test_a_broken_plugin_is_named_and_costs_only_itself(points) -> None:
    points(broken="no_such_module:ZOO", keras="zoodiff.zoos.keras:ZOO")
    assert list(registry.zoos()) == ["keras"]
    assert "no_such_module" in registry.broken()["broken"]
    with pytest.raises(registry.BrokenZooError, match=r'plugin "broken".*mend or uninstall'):
        registry.resolve("broken:net")
