"""Only ``exchange`` and ``scratch`` open the folders that workers and their parent share.

The parent hands the paths of these folders to the worker, and uses them for nothing else: what lies
below may be a hostile worker's. This reads the source of the whole package.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from pathlib import Path

import pytest

import zoodiff

PACKAGE = Path(zoodiff.__file__).parent
OPENING = {"workers/exchange.py", "workers/scratch.py"}
"""The modules that open these folders."""
MAKERS = {"outgoing", "Outgoing", "Incoming", "Scratch"}
"""What returns such a folder."""
HOLDERS = {"incoming", "outgoing", "caches", "scratch"}
"""Names of variables and attributes that hold one, without underscores in front."""
ALLOWED = {
    ("workers/process.py", "outgoing().path"): 1,
    ("workers/process.py", "self._incoming.path"): 2,
    ("workers/process.py", "self._caches[-1].path"): 1,
}
"""Where a path of such a folder is named: to be told to the worker, or looked for in /proc."""
TAKERS = {"told", "wrapped", "worker_environment", "hidden_bytes"}
"""What may be given such a path: what starts the worker, and a search in lists of mappings."""
TELLING = {"", "call"}
"""Where it may be text: in the first message, and in a request."""
FLAGS = {"FOLDER", "FOLDER | os.O_PATH", "_READ", "_CREATE"}
"""How files are opened: never through a link."""


@functools.cache
def modules() -> dict[str, ast.Module]:
    """All modules of the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
    }


def _is_folder(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is a shared folder."""
    if isinstance(node, ast.Subscript):
        return _is_folder(node.value, names)
    if isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in MAKERS
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name.lstrip("_") in HOLDERS or name in names


def _targets(node: ast.AST) -> tuple[list[ast.expr], ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, ast.AnnAssign | ast.NamedExpr):
        return [node.target], node.value
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [node.optional_vars], node.context_expr
    return [], None


def _bound(tree: ast.Module, folders: set[str], *, paths: bool) -> set[str]:
    """Names that are bound to a shared folder, or to the path of one."""
    names = set()
    for node in ast.walk(tree):
        targets, value = _targets(node)
        if paths:
            hit = isinstance(value, ast.Attribute) and value.attr == "path"
            hit = hit and _is_folder(value.value, folders)  # type: ignore[union-attr]
        else:
            hit = isinstance(value, ast.Call) and _is_folder(value, set())
        if hit:
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def uses(tree: ast.Module) -> list[str]:
    """Every expression that is the path of a shared folder."""
    folders = _bound(tree, set(), paths=False)
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "path"
        and _is_folder(node.value, folders)
    ]


def misuses(tree: ast.Module) -> list[str]:
    """Every use of such a path that is not the argument of a call that may have it."""
    folders = _bound(tree, set(), paths=False)
    paths = _bound(tree, folders, paths=True)
    wrong: list[str] = []

    def visit(node: ast.AST, call: str) -> None:
        if isinstance(node, ast.Call):
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            visit(function, "")
            if name == "str":
                name = "told" if call in TELLING else call
            for argument in (*node.args, *node.keywords):
                visit(argument, name)
            return
        is_path = isinstance(node, ast.Name) and node.id in paths
        is_path = is_path and isinstance(node.ctx, ast.Load)  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute) and node.attr == "path":
            is_path = _is_folder(node.value, folders)
        if is_path and call not in TAKERS:
            wrong.append(ast.unparse(node))
        targets, value = _targets(node)
        bound = value is not None and isinstance(value, ast.Attribute) and value.attr == "path"
        for child in ast.iter_child_nodes(node):
            # Binding the path to a name is judged where the name is used.
            simple = bound and child is value and all(isinstance(one, ast.Name) for one in targets)
            visit(child, "told" if simple else call)

    visit(tree, "")
    return wrong


def test_paths_of_shared_folders_are_named_where_they_are_allowed() -> None:
    found = Counter(
        (name, use) for name, tree in modules().items() if name not in OPENING for use in uses(tree)
    )
    assert found == ALLOWED


def test_paths_of_shared_folders_are_given_to_workers_only() -> None:
    found = {
        name: wrong
        for name, tree in modules().items()
        if name not in OPENING and (wrong := misuses(tree))
    }
    assert not found


def test_files_of_arrays_are_named_by_both_ends_only() -> None:
    """The name that an answer gives is looked up in two modules, one for each side.

    ``workers/local.py`` keeps arrays of this process in memory, under such names, without files.
    """
    ends = {"workers/exchange.py", "workers/inside/arrays.py", "workers/local.py"}
    looked_up = {
        name
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "$array"
    }
    assert looked_up <= ends


@pytest.mark.parametrize("name", ["exchange.py", "scratch.py", "space.py"])
def test_nothing_is_opened_through_a_link(name: str) -> None:
    tree = ast.parse((PACKAGE / "workers" / name).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    opened = [ast.unparse(call.args[1]) for call in calls if ast.unparse(call.func) == "os.open"]
    assert set(opened) <= FLAGS
    others = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "touch", "rmtree"}
    elsewhere = [
        ast.unparse(call)
        for call in calls
        if ast.unparse(call.func) != "os.open"
        and getattr(call.func, "attr", getattr(call.func, "id", "")) in others
    ]
    # Lists of the kernel's own about a process.
    assert all("maps.open" in call or "/proc/" in call for call in elsewhere), elsewhere


@pytest.mark.parametrize(
    "text",
    [
        "open(self._incoming.path / 'x')",
        "(outgoing().path / name).read_bytes()",
        "place = self._incoming.path\nplace.joinpath('x').open()",
        "folder = Incoming('x')\nos.listdir(folder.path)",
        "with closing(Scratch('x')) as made:\n    pass\nnp.load(self._scratch.path)",
        "open(str(outgoing().path))",
        "shared = outgoing().path\nopen(f'{shared}/x')",
        "for cache in self._caches:\n    shutil.rmtree(self._caches[0].path)",
        "names = [p for p in self._incoming.path.iterdir()]",
        "here = there = exchange.outgoing().path\nos.open(here, 0)",
    ],
)
def test_an_open_elsewhere_is_found(text: str) -> None:
    assert misuses(ast.parse(text))


def test_telling_the_worker_is_no_misuse() -> None:
    text = "shared = outgoing().path\nstart = {'incoming': str(shared)}\nwrapped(command, shared)"
    assert not misuses(ast.parse(text))
