"""Interpreters that tests start."""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def with_tests() -> dict[str, str]:
    """Return the environment of an interpreter that can import what the tests share."""
    path = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}
