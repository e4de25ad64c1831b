"""The handle of an array in a message."""

from __future__ import annotations

from typing import NewType

Array = NewType("Array", dict[str, object])
"""Handle of a numpy array in a file; see ``workers.exchange`` and ``workers.inside.arrays``."""
