"""The order in which a layer reads its columns, and a relation between two layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.arrays.closeness import Closeness
from zoodiff.equivalence.symmetries.arrays.permutations import is_identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Permutation = NDArray[np.int64]

_UNCERTAIN: dict[Closeness, float] = {
    "equal": 0.0,
    "rounded to half precision": 2.0**-11,
    "rounded to bfloat16": 2.0**-8,
    "quantised per tensor": 2.0**-7,
    "quantised per channel": 2.0**-7,
}
"""Relative error of a weight of this kind, and so of a factor that is estimated from one."""


@dataclass(frozen=True)
class Columns:
    """Column ``c`` of the second layer reads what column ``order[c]`` of the first does.

    It reads it ``factors[c]`` times as large.
    """

    order: Permutation
    factors: Floats | None = None
    read: bool = True
    """Whether the graphs say so; otherwise columns are taken as they stand."""
    unscaled: bool = False
    """Whether factors reach the columns that are left out here."""
    ties: Sequence[NDArray[np.int64]] = ()
    """Columns that read equal channels, so that any may stand for any other."""

    @property
    def trivial(self) -> bool:
        """Whether columns are taken as they stand."""
        return is_identity(self.order) and self.factors is None


@dataclass(frozen=True)
class Match:
    """A relation that holds for every element: ``b[r, c] = f[r] a[rows[r], columns[c]] g[c]``."""

    rows: Permutation
    columns: Columns
    closeness: Closeness
    base: Permutation
    """The order of the rows that follows from the columns: of groups, of depthwise channels."""
    factors: Floats | None = None
    alone: Floats | None = None
    """Factors of the rows of the weights alone, that nothing beside them has."""
    free: Permutation | None = None
    """The order of the columns, where it is not the one that the graphs say."""
    free_factors: Floats | None = None
    kernel: str = ""
    transposed: bool = False
    across: bool = False
    """Whether rows leave their groups, though what the groups read stays."""
    vectors: tuple[str, ...] = ()
    """Roles of biases and statistics that do not fit."""

    @property
    def uncertain(self) -> float:
        """Relative error of the factors, which are estimated from weights of few digits."""
        return _UNCERTAIN[self.closeness] if self.factors is not None else 0.0

    @property
    def moves_rows(self) -> bool:
        """Whether rows move by themselves."""
        return not np.array_equal(self.rows, self.base)
