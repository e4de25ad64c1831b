"""Inputs that options state, for networks that do not show which they take."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class StatedInputs(dict[str, Any]):
    """Zeros for inputs whose types and extents options state, by the name of the argument.

    They say how a network is called, and are no example to run it on.
    """

    def fitting(self, names: Collection[str]) -> StatedInputs | None:
        """Return these where all are arguments of a network; None where another one is meant."""
        return self if self and self.keys() <= set(names) else None
