"""The list of hostile files: one function a trick, each writes a file and says how it is opened."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trick:
    """One hostile file."""

    name: str
    write: Callable[[Path, Path], Path]
    """Takes an empty folder and the path of a mark that a payload would make; returns the file."""
    expected: str
    """The code with which it is refused, or ``contained``: any error in words, or nothing done."""
    opened: str
    """``checkpoint``, ``file`` or ``images``, and what else ``parent_imports.HOW`` names."""
    allowed: bool = False
    """Whether the user allowed the code of this very file."""

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the function."""
        return self.write.__code__.co_filename, self.write.__code__.co_firstlineno


TRICKS: dict[str, Trick] = {}


def trick(expected: str, opened: str = "file", *, allowed: bool = False):
    """Put a function into the list."""

    def keep(write: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        known = TRICKS.setdefault(
            write.__name__, Trick(write.__name__, write, expected, opened, allowed)
        )
        # Looking for doctests imports a file a second time; another function may not take a name.
        assert known.place == (write.__code__.co_filename, write.__code__.co_firstlineno)
        return write

    return keep


class Payload:
    """Pickles as a call that makes the mark."""

    def __init__(self, mark: Path, way: str = "system") -> None:
        self.mark, self.way = str(mark), way

    def __reduce__(self):
        import builtins
        import runpy
        import subprocess
        import webbrowser

        code = f"__import__('os').system({'touch ' + shlex.quote(self.mark)!r})"
        return {
            "system": (os.system, (f"touch {shlex.quote(self.mark)}",)),
            "eval": (builtins.eval, (code,)),
            "exec": (builtins.exec, (f"open({self.mark!r}, 'w')",)),
            "open": (builtins.open, (self.mark, "w")),
            "popen": (subprocess.Popen, (["touch", self.mark],)),
            "runpy": (runpy._run_code, (compile_free(code), {})),
            "browser": (webbrowser.open, (f"file://{self.mark}",)),
            "touch": (Path.touch, (Path(self.mark),)),
        }[self.way]


def compile_free(code: str) -> str:
    """Code objects cannot be pickled; ``_run_code`` takes text too."""
    return code
