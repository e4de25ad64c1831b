"""Tests of two classifiers on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from zoodiff.stats.intervals import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value that two classifiers are equally often right.

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
    """Return the difference of two paired proportions (first minus second), as fractions.

    Raises ValueError without trials. The interval is the adjusted Wald interval of A. Agresti and
    Y. Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
    Medicine 24 (2005): half a count is added to each of the four cells. The value itself is not
    adjusted.
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
    """Return p-values with Holm's correction for the number of tests, in the same order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979).

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    tests = len(p_values)
    corrected = [0.0] * tests
    largest = 0.0
    for rank, place in enumerate(sorted(range(tests), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (tests - rank) * p_values[place]))
        corrected[place] = largest
    return corrected


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Return the two-sided mid-p value that two classifiers are equally often right.

    It is the exact p-value minus half the probability of the observed outcome. M. W. Fagerland,
    S. Lydersen, P. Laake, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are
    better than exact conditional", BMC Medical Research Methodology 13 (2013), which recommends it.

    >>> round(mcnemar_mid_p(2, 10), 4)
    0.0225
    """
    from scipy.stats import binom

    discordant = only_first + only_second
    if not discordant:
        return 1.0
    smaller = min(only_first, only_second)
    if only_first == only_second:
        return 1.0 - 0.5 * float(binom.pmf(smaller, discordant, 0.5))
    tail = 2.0 * float(binom.cdf(smaller, discordant, 0.5))
    return min(1.0, tail - float(binom.pmf(smaller, discordant, 0.5)))


def bootstrap_difference(
    only_first: int,
    only_second: int,
    trials: int,
    level: float = 0.95,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Return the difference of two paired proportions with a percentile-bootstrap interval.

    All values are fractions. An image is right in the first alone, in the second alone, or neither;
    the counts of images drawn with replacement therefore follow a multinomial distribution, from
    which this function draws. Raises ValueError without trials. B. Efron, "Bootstrap methods:
    another look at the jackknife", Annals of Statistics 7 (1979).
    """
    import numpy as np

    if trials < 1:
        raise ValueError("a difference of proportions needs at least one trial")
    shares = np.array([only_first, only_second, trials - only_first - only_second]) / trials
    drawn = np.random.default_rng(seed).multinomial(trials, shares, size=resamples)
    differences = (drawn[:, 0] - drawn[:, 1]) / trials
    tail = (1 - level) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return Estimate((only_first - only_second) / trials, float(low), float(high), level)


def equivalent(
    only_first: int, only_second: int, trials: int, margin: float, level: float = 0.95
) -> bool:
    """Return whether two classifiers are shown to differ by less than ``margin``, a fraction.

    Two one-sided tests at ``1 - level`` each, that is the interval at ``2 level - 1`` within the
    margin. D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    estimate = difference(only_first, only_second, trials, 2 * level - 1)
    return -margin < estimate.low and estimate.high < margin


def detectable(discordant: int, trials: int, level: float = 0.95, power: float = 0.8) -> float:
    """Return the smallest difference, a fraction, that this many images would show with this power.

    (z_(1 - alpha/2) + z_power) sqrt(d / n) with the share d of images on which the two disagree;
    R. J. Connor, "Sample size for testing differences in proportions for the paired-sample
    design", Biometrics 43 (1987). One disagreement is assumed where there is none.
    """
    from scipy.stats import norm

    if trials < 1:
        raise ValueError("a difference of proportions needs at least one trial")
    share = max(discordant, 1) / trials
    factor = float(norm.ppf(0.5 + level / 2) + norm.ppf(power))
    return min(1.0, factor * sqrt(share / trials))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values with Benjamini and Hochberg's correction, in the same order.

    It controls the false discovery rate.

    Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995).

    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    if not p_values:
        return []
    return [float(p) for p in false_discovery_control([*map(float, p_values)], method="bh")]


def better(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the p-value of the alternative that ``first`` is larger than ``second`` on average.

    Both have the shape (pairs,); if all pairs are equal, the result is 1. The one-sided paired
    t-test; Student, "The probable error of a mean", Biometrika 6 (1908).
    """
    import numpy as np
    from scipy.stats import ttest_rel

    if not np.any(np.asarray(first) != np.asarray(second)):
        return 1.0
    return float(ttest_rel(first, second, alternative="greater").pvalue)
