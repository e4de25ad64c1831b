"""There is one way to the terminal, and one definition of what makes text harmless."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoodiff

SOURCE = Path(zoodiff.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
WRITERS = {"cli/render/console.py", "cli/streams.py"}
"""The two files that write to standard output and standard error."""
FLUSHERS = {"cli/app.py", "workers/inside/child.py", "zoos/keras/backend.py"}
"""Files that may name the streams, to flush them or as a worker's log."""
_FORBIDDEN_CALLS = {"print", "input", "breakpoint"}
_FORBIDDEN_NAMES = {
    *("echo", "secho", "Console", "rprint", "print_exc", "print_exception", "print_stack"),
    *("pprint", "basicConfig", "StreamHandler", "from_markup", "render_str", "print_json_rich"),
}
_STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}


def offences(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in _FORBIDDEN_CALLS:
            yield f"{name}:{line} calls {called.id}"
        if name in WRITERS:
            continue
        if isinstance(node, ast.Attribute | ast.Name):
            used = node.attr if isinstance(node, ast.Attribute) else node.id
            if used in _FORBIDDEN_NAMES:
                yield f"{name}:{line} uses {used}"
            owner = getattr(getattr(node, "value", None), "id", "")
            if owner == "sys" and used in _STREAMS and name not in FLUSHERS:
                yield f"{name}:{line} uses sys.{used}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich"):
            for one in node.names:
                if one.name in _FORBIDDEN_NAMES | {"print"}:
                    yield f"{name}:{line} imports {one.name} of rich"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_nothing_else_writes_to_the_terminal(path: Path) -> None:
    name = path.relative_to(SOURCE).as_posix()
    assert not list(offences(ast.parse(path.read_text(encoding="utf-8")), name))


@pytest.mark.parametrize(
    "source",
    [
        "print(name)",
        "typer.echo(name)",
        "import sys\nsys.stdout.write(name)",
        "import sys\nsys.stderr.writelines([name])",
        "from rich.console import Console\nConsole().print(name)",
        "from rich import print",
        "import traceback\ntraceback.print_exc()",
        "from rich.text import Text\nText.from_markup(name)",
    ],
)
def test_the_lint_notices(source: str) -> None:
    assert list(offences(ast.parse(source), "cli/new.py"))


def test_jinja_is_set_up_in_one_place_per_folder_that_escapes() -> None:
    users = [p for p in FILES if "jinja2.Environment(" in p.read_text(encoding="utf-8")]
    places = [p.relative_to(SOURCE).as_posix() for p in users]
    assert sorted(places) == ["picture/page.py", "report/render.py"]
    for user in users:
        text = user.read_text(encoding="utf-8")
        assert text.count("jinja2.Environment(") == 1
        assert "autoescape=True" in text
    for template in SOURCE.glob("*/templates/*"):
        safe = [line for line in template.read_text().splitlines() if "| safe" in line]
        assert all('"<br>" | safe' in line for line in safe), template.name
        assert "autoescape false" not in template.read_text()


def test_text_is_a_leaf() -> None:
    tree = ast.parse((SOURCE / "text.py").read_text(encoding="utf-8"))
    imported = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    imported += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    known = {"__future__", "collections.abc", "typing", "urllib.parse"}
    assert set(imported) <= known | {"re", "json", "html", "hashlib", "unicodedata"}
