"""Agreement of two orders: Kendall's tau-b, its interval, and the pairs that exchange places."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 999
FEWEST_CLUSTERS = 10
"""Clusters below which a bootstrap has too few different samples."""


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two orders of the same items, with a bootstrap interval of 95 %."""

    tau: float
    low: float | None
    """None for fewer than ten clusters, or if no pair or every pair has opposite orders: then
    samples say nothing about the spread."""
    high: float | None
    items: int
    clusters: int
    """Groups of items that were drawn together."""
    exchanged_share: float
    """Share of all pairs of items that have opposite orders."""


@dataclass(frozen=True)
class Exchange:
    """Two items with opposite orders: ``faster`` has the smaller first value."""

    faster: int
    """Index of the item."""
    slower: int
    first_factor: float
    """The first value of ``slower`` over that of ``faster``, above 1."""
    second_factor: float
    """The second value of ``faster`` over that of ``slower``, above 1."""

    @property
    def strength(self) -> float:
        """The smaller of the two factors: both orders are at least this clear."""
        return min(self.first_factor, self.second_factor)


def agreement(
    first: Sequence[float],
    second: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Agreement:
    """Return tau-b (Kendall 1945) of two values per item, and its percentile interval.

    The bootstrap draws clusters with replacement, each with all its items (each item alone if
    None), since sizes of one network are not independent. Raises ValueError for fewer than three
    items, or for values that do not order them.

    >>> round(agreement([1, 2, 3, 4], [1, 2, 4, 3]).tau, 6)
    0.666667
    """
    import numpy as np

    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(a) != len(b) or len(a) < 3:
        raise ValueError("two orders need the same three or more items")
    tau = _tau(a, b)
    if np.isnan(tau):
        raise ValueError("all values of one order are equal")
    members: dict[Hashable, list[int]] = {}
    for index, name in enumerate(range(len(a)) if clusters is None else clusters):
        members.setdefault(name, []).append(index)
    groups = [np.array(indices) for indices in members.values()]
    pairs = len(a) * (len(a) - 1) // 2
    exchanged = int(np.count_nonzero(np.triu(_opposite(a, b), 1)))
    low, high = None, None
    if len(groups) >= FEWEST_CLUSTERS and 0 < exchanged < pairs:
        low, high = _interval(a, b, groups, resamples, seed)
    return Agreement(tau, low, high, len(a), len(groups), exchanged / pairs)


def _interval(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    groups: Sequence[NDArray[np.int_]],
    resamples: int,
    seed: int,
) -> tuple[float, float]:
    import numpy as np

    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(resamples):
        chosen = random.integers(len(groups), size=len(groups))
        indices = np.concatenate([groups[k] for k in chosen])
        drawn.append(_tau(a[indices], b[indices]))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def exchanges(
    first: Sequence[float],
    second: Sequence[float],
    most: int,
    names: Sequence[Hashable] | None = None,
) -> list[Exchange]:
    """Return the pairs with opposite orders whose smaller factor is largest, best first.

    Values are positive. A name is in one pair at most (its clearest), and in none with itself.
    """
    import numpy as np

    a, b = np.log(np.asarray(first, float)), np.log(np.asarray(second, float))
    gaps_a, gaps_b = a[:, None] - a[None, :], b[:, None] - b[None, :]
    opposite = (gaps_a < 0) & (gaps_b > 0)  # row: faster by the first value
    strength = np.where(opposite, np.minimum(-gaps_a, gaps_b), 0.0)
    pairs: list[Exchange] = []
    used: set[Hashable] = set()
    labels: Sequence[Hashable] = range(len(a)) if names is None else names
    for flat in np.argsort(-strength, axis=None, kind="stable"):
        row, column = divmod(int(flat), len(a))
        if strength[row, column] <= 0 or len(pairs) == most:
            break
        pair = {labels[row], labels[column]}
        if len(pair) < 2 or pair & used:
            continue
        used |= pair
        factors = np.exp(-gaps_a[row, column]), np.exp(gaps_b[row, column])
        pairs.append(Exchange(row, column, float(factors[0]), float(factors[1])))
    return pairs


def _tau(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(a, b, method="asymptotic").statistic)


def _opposite(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    import numpy as np

    signs = np.sign(a[:, None] - a[None, :]) * np.sign(b[:, None] - b[None, :])
    return np.asarray(signs < 0)
