"""The order in which entries are timed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def orders(count: int, rng: np.random.Generator) -> Iterator[list[int]]:
    """Orders of ``count`` entries without end: one drawn at random, then the same backwards.

    Whoever is early in one round is late in the next, so a machine that becomes steadily faster or
    slower favours nobody; and no period of a neighbour can fall in step with an order.
    """
    while True:
        order = [int(one) for one in rng.permutation(count)]
        yield order
        yield order[::-1]
