"""Commands stand on the API: nothing else of zoodiff is imported in ``cli``."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import zoodiff

SOURCE = Path(zoodiff.__file__).parent
ALLOWED = {"api", "cli", "errors", "quantities", "report", "text", "_version"}


def imported(file: Path) -> Iterator[str]:
    """The parts of zoodiff that a file imports, in functions and for type checkers too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not looked at here"
            names = [f"{node.module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("zoodiff."))


def test_commands_and_what_they_print_with_import_the_api_alone() -> None:
    files = {
        file.relative_to(SOURCE / "cli").as_posix(): file for file in SOURCE.rglob("cli/**/*.py")
    }
    assert len(files) > 20
    others = {name: set(imported(file)) - ALLOWED for name, file in files.items()}
    assert {name: parts for name, parts in others.items() if parts} == {}


def test_import_linter_forbids_every_other_part_of_zoodiff() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["type"] == "forbidden"]
    parts = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    parts -= {"__init__", "__main__", "__pycache__", "studies"}
    assert set(contract["forbidden_modules"]) == {f"zoodiff.{part}" for part in parts - ALLOWED}
