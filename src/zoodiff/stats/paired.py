"""Tests of two classifiers on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from zoodiff.stats.intervals import Estimate


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two classifiers are equally often right.

    ``only_first`` images are right in the first alone, ``only_second`` in the second alone.
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions",
    Psychometrika 12 (1947), in its exact binomial form.

    >>> round(mcnemar(2, 10), 4)
    0.0386
    """
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def difference(only_first: int, only_second: int, trials: int, level: float = 0.95) -> Estimate:
    """Difference of two paired proportions (first minus second) with its interval, as fractions.

    The adjusted Wald interval of A. Agresti and Y. Min, "Simple improved confidence intervals
    for comparing matched proportions", Statistics in Medicine 24 (2005): half a count is added
    to each of the four cells. The value itself is not adjusted.
    """
    from scipy.stats import norm

    if trials < 1:
        raise ValueError("a difference of proportions needs at least one trial")
    total = trials + 2
    first, second = only_first + 0.5, only_second + 0.5
    centre = (first - second) / total
    spread = sqrt((first + second) - (first - second) ** 2 / total) / total
    reach = float(norm.ppf(0.5 + level / 2)) * spread
    value = (only_first - only_second) / trials
    low, high = max(-1.0, centre - reach), min(1.0, centre + reach)
    return Estimate(value, min(low, value), max(high, value), level)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for the number of tests, in the order given.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return []
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]
