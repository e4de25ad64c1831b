"""How the packages of an environment are installed."""

from __future__ import annotations

import json

import pytest

from zoodiff.workers import environments
from zoodiff.zoos.base import Environment


@pytest.fixture
def commands(monkeypatch, tmp_path) -> list[list[str]]:
    """The commands that ``create`` runs, in a folder of its own."""
    ran: list[list[str]] = []

    def run(command, name, say) -> None:
        ran.append(command)
        (tmp_path / name).mkdir(exist_ok=True)

    monkeypatch.setattr(environments.paths, "environments", lambda: tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    return ran


def test_packages_without_dependencies_are_installed_last(commands: list[list[str]]) -> None:
    environment = Environment("own", ("a==1", "b"), without_dependencies=("c==2",))
    assert environment.packages == ("a==1", "b", "c==2")
    environments.create(environment, lambda line: None)
    _, first, second = commands
    assert first[-2:] == ["a==1", "b"]
    assert "--no-deps" not in first
    assert second[-2:] == ["--no-deps", "c==2"]


def test_an_environment_is_made_anew_when_such_a_package_changes(
    commands: list[list[str]], tmp_path
) -> None:
    environments.create(Environment("own", ("a",)), lambda line: None)
    assert "without_dependencies" not in json.loads(
        (tmp_path / "own/zoodiff-ready.json").read_text()
    )
    made = len(commands)
    environments.create(Environment("own", ("a",), without_dependencies=("c",)), lambda line: None)
    assert len(commands) == made + 3
