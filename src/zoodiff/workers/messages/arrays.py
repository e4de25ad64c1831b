"""How a message refers to an array."""

from __future__ import annotations

from typing import NewType

Array = NewType("Array", dict[str, object])
"""Stands for a numpy array, whose numbers lie in a file; see ``exchange`` and ``worker_arrays``."""
