"""The list of sound files: what honest people write, in every format, each by a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sound:
    """A file that nobody may refuse."""

    name: str
    write: Callable[[Path], Path]
    """Takes an empty folder, returns the file."""
    kind: str
    """``checkpoint``, ``torch``, ``keras``, ``tensorflow``, ``onnx``, ``tflite``, ``images``."""
    allowed: bool = False
    run: bool = True
    """Whether it is run, or only described."""
    size: int = 16
    """Height and width of the image, where the file leaves them open."""


SOUND: dict[str, Sound] = {}


def sound(kind: str, *, allowed: bool = False, run: bool = True):
    """Put a function into the list."""

    def keep(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
        # Looking for doctests imports a file a second time.
        SOUND.setdefault(write.__name__, Sound(write.__name__, write, kind, allowed, run))
        return write

    return keep


def named(kind: str, name: str, write: Callable[[Path], Path], *, run: bool = True) -> None:
    """Put a function without a name of its own into the list."""
    SOUND.setdefault(name, Sound(name, write, kind, run=run))
