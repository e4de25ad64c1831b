"""The tiers of the tests, in the order of ``make test``; ``--tier NAME`` runs one of them.

A test belongs to the last tier that one of its markers names. What the tests of the first import is
held to it: a framework there fails the test. The files of a tier run in the order of
``docs/test_durations.tsv``, the longest first, so that the processes end together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support import durations
from support.frameworkless import refusing

TIERS: dict[str, frozenset[str]] = {
    "check": frozenset(),
    "onnx": frozenset({"onnx", "openvino", "tflite", "opencv", "ray"}),
    "frameworks": frozenset({"torch", "keras", "tfmg", "paddle"}),
    "commands": frozenset({"e2e", "browser"}),
}
"""Name -> the markers that put a test there; that without any takes the rest."""
FIRST = "check"
_TESTS = Path(__file__).resolve().parents[1]


def tier_of(item: pytest.Item) -> str:
    """The name of a test's tier."""
    marked = {marker.name for marker in item.iter_markers()}
    return [name for name, markers in TIERS.items() if not markers or markers & marked][-1]


@cache
def needs_framework(path: Path) -> bool:
    """Whether a file of tests imports a framework before any of its tests runs."""
    return any(
        name.partition(".")[0] in refusing.FRAMEWORKS
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
        for name in _imported(node)
    )


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.importorskip":
        (name, *_) = node.args
        yield name.value if isinstance(name, ast.Constant) else ""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call bytes that are no text by their argument and number.

    The processes of a tier must agree on the names of all tests, and compressed bytes hold a time.
    """
    is_data = isinstance(val, bytes) and not (val.isascii() and val.decode("ascii").isprintable())
    return argname if is_data else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=TIERS, help="run the tests of one tier")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("tier") == FIRST:
        refusing.refuse()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what cannot be read without a framework; none of its tests is in the first tier."""
    inside = collection_path.suffix == ".py" and collection_path.is_relative_to(_TESTS)
    if config.getoption("tier") == FIRST and inside and needs_framework(collection_path):
        return True
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the tier, those of the longest file first."""
    unmarked = [
        item.nodeid
        for item in items
        if tier_of(item) == FIRST
        and item.path.is_relative_to(_TESTS)
        and item.path.suffix == ".py"
        and needs_framework(item.path)
    ]
    if unmarked:
        names = "\n".join(unmarked)
        raise pytest.UsageError(
            f"the files of these tests import a framework, so mark them:\n{names}"
        )
    tier = config.getoption("tier")
    if tier is None:
        return
    config.hook.pytest_deselected(items=[item for item in items if tier_of(item) != tier])
    kept = durations.read(durations.KEPT)
    seconds = {file: row.seconds for (named, file), row in kept.items() if named == tier}
    items[:] = sorted(
        (item for item in items if tier_of(item) == tier),
        key=lambda item: -seconds.get(item.nodeid.partition("::")[0], 0.0),
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail a test that was refused a framework and went on all the same."""
    names, refusing.refused[:] = sorted(set(refusing.refused)), []
    if names:
        pytest.fail(f"{', '.join(names)} {refusing.SAYS}", pytrace=False)
