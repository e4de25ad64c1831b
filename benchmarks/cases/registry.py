"""What a case is, and the list of all."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases.drawing import Drawing

Builder = Callable[[Path], tuple[Path, Path]]
"""Writes two files into a folder and returns their paths."""
Drawer = Callable[[Drawing, bool], None]
"""Draws one side of a pair as an ONNX network; true for side B."""


@dataclass(frozen=True)
class Case:
    """A rebuilt discrepancy, with what a right answer says of it."""

    name: str
    thread: str
    """Repository and number of the public report; "own" for kinds without one."""
    reports: tuple[str, ...]
    """Ids of the corpus that it rebuilds."""
    title: str
    same: bool
    """Whether both compute the same with the weights in them."""
    cause: tuple[str, ...]
    """Codes and words, one of which must be said; empty: no cause may be said."""
    places: tuple[str, ...]
    """Layers that must be named, as their files name them; empty: any."""
    build: Builder
    module: str
    runtime: str = "native"
    """"reference": run by ONNX's reference evaluator, where runtimes hide the difference;
    "recipe": networks with the preprocessing in the TOML beside them, on photographs."""
    needs: tuple[str, ...] = ()
    """Packages that building or running it takes, beyond onnx and onnxruntime."""
    shape: tuple[int, ...] = ()
    """Shape of the input, where the file leaves it open and a user must give it."""
    also: tuple[str, ...] = ()
    """Codes that may be said beside the cause."""
    relation: str = ""
    """How zoodiff must name the relation of the two; empty: in any words."""
    note: str = ""
    """What a reader of the table must know."""

    @property
    def is_recipe(self) -> bool:
        """Whether the preprocessing outside differs, which only files beside the networks say."""
        return self.runtime == "recipe"


_CASES: dict[str, Case] = {}
SUBJECTS = (
    "convolution",
    "pooling",
    "activations",
    "norms",
    "resizing",
    "movements",
    "input_stage",
    "heads",
    "attention",
    "weights",
    "precision",
    "forms",
    "exports",
    "recipes",
)


def case(
    title: str,
    *,
    thread: str,
    same: bool,
    cause: tuple[str, ...],
    reports: tuple[str, ...] = (),
    places: tuple[str, ...] = (),
    **more: Any,
) -> Callable[[Builder], Builder]:
    """Register a function that writes both files of a case."""

    def register(build: Builder) -> Builder:
        name = getattr(build, "__name__", "")
        _add(
            Case(name, thread, reports, title, same, cause, places, build, build.__module__, **more)
        )
        return build

    return register


def drawn(
    title: str,
    *,
    thread: str,
    same: bool,
    cause: tuple[str, ...],
    opset: int = 17,
    reports: tuple[str, ...] = (),
    places: tuple[str, ...] = (),
    **more: Any,
) -> Callable[[Drawer], Drawer]:
    """Register a function that draws one side of an ONNX pair; called for each side."""

    def register(draw: Drawer) -> Drawer:
        def build(folder: Path) -> tuple[Path, Path]:
            paths = folder / "a.onnx", folder / "b.onnx"
            for path, second in zip(paths, (False, True), strict=True):
                drawing = Drawing(opset)
                draw(drawing, second)
                drawing.save(path)
            return paths

        name = getattr(draw, "__name__", "")
        _add(
            Case(name, thread, reports, title, same, cause, places, build, draw.__module__, **more)
        )
        return draw

    return register


def all_cases() -> list[Case]:
    """Return every case, by subject and in the order of its module."""
    package = importlib.import_module("benchmarks.cases")
    known = {module.name for module in pkgutil.iter_modules(package.__path__)}
    for subject in SUBJECTS:
        if subject not in known:
            raise ModuleNotFoundError(f"there is no module of cases called {subject}")
        importlib.import_module(f"benchmarks.cases.{subject}")
    return list(_CASES.values())


def _add(new: Case) -> None:
    if new.name in _CASES:
        raise ValueError(f"two cases are called {new.name}")
    _CASES[new.name] = new
