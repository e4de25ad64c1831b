"""The order in which entries are timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def orders(count: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield orders of ``count`` entries without end: a random one, then its reverse, and so on.

    An entry that is early in one round is late in the next, so a machine that steadily becomes
    faster or slower favours no entry. Random orders cannot synchronise with periodic system noise.
    """
    while True:
        order = [int(position) for position in rng.permutation(count)]
        yield order
        yield order[::-1]
