"""Plugins: how zoos are found, and what a broken one costs."""

import importlib.metadata

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
        registry._found.cache_clear()
        registry.models.cache_clear()

    yield use
    registry._found.cache_clear()
    registry.models.cache_clear()


def test_a_plugin_of_another_package_is_a_zoo_like_any_other(points, tmp_path, monkeypatch) -> None:
    (tmp_path / "my_zoo.py").write_text(
        "from zoodiff.zoos.base import Model\n"
        "class Mine:\n"
        "    name, title, distributions = 'mine', 'Mine', ()\n"
        "    extra = environment = None\n"
        "    backend, listed = 'my_zoo:backend', True\n"
        "    def models(self): return [Model('net', 'resnet50')]\n"
        "ZOO = Mine()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    points(mine="my_zoo:ZOO")
    assert str(registry.resolve("mine:net").ref) == "mine:net@random"
    assert [str(e.ref) for e in registry.by_architecture()["resnet50"]] == ["mine:net@random"]


def test_a_broken_plugin_is_named_and_costs_only_itself(points) -> None:
    points(broken="no_such_module:ZOO", keras="zoodiff.zoos.keras:ZOO")
    assert list(registry.zoos()) == ["keras"]
    assert "no_such_module" in registry.broken()["broken"]
    with pytest.raises(registry.BrokenZooError, match=r'plugin "broken".*mend or uninstall'):
        registry.resolve("broken:net")
