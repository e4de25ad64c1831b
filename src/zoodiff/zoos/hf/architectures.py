"""The classes of transformers that are entries: ``data/hf.json``, from ``tools/refresh_hf.py``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal


@dataclass(frozen=True)
class Architecture:
    """An image classifier or backbone."""

    name: str
    """The class, as ``architectures`` of a configuration has it."""
    model_type: str
    kind: Literal["classifier", "backbone"]
    input_shape: tuple[int, int, int]
    """``(channels, height, width)`` of the default configuration."""
    classes: int
    """Outputs of the default configuration; 0 for a backbone."""


@dataclass(frozen=True)
class Known:
    """The data file."""

    version: str
    """The version of transformers that it was written from."""
    architectures: Mapping[str, Architecture]
    left_out: Mapping[str, str]
    """Classes of transformers' lists that are no entries, with the reason."""


@cache
def known() -> Known:
    """Return the data file."""
    text = files("zoodiff.zoos").joinpath("data/hf.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    rows = [Architecture(n, t, kind, tuple(shape), c) for n, t, kind, shape, c in raw["classes"]]
    return Known(raw["transformers"], {row.name: row for row in rows}, raw["left_out"])


def architectures() -> Mapping[str, Architecture]:
    """Return the classes by name."""
    return known().architectures
