"""Confidence intervals of proportions, medians and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval, in any unit."""

    value: float
    low: float
    high: float
    level: float = 0.95


def proportion(successes: int, trials: int, level: float = 0.95) -> Estimate:
    """Return a proportion with Wilson's score interval, as fractions in [0, 1].

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22 (1927). Raises ValueError without trials.

    >>> estimate = proportion(90, 100)
    >>> round(estimate.low, 4), round(estimate.high, 4)
    (0.8256, 0.9448)
    """
    from scipy.stats import binomtest

    if trials < 1:
        raise ValueError("a proportion needs at least one trial")
    low, high = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return Estimate(successes / trials, float(low), float(high), level)


def median(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Estimate:
    """Return the median with a percentile-bootstrap interval, in the unit of the values.

    The values must be exchangeable: medians of rounds, for example, but not single calls of one
    process.
    """
    import numpy as np

    data = np.asarray(values, dtype=float)
    return _bootstrap(data, float(np.median(data)), level, seed)


def mean(values: NDArray[np.floating], level: float = 0.95, seed: int = 0) -> Estimate:
    """Return the mean with a percentile-bootstrap interval, in the unit of the values."""
    import numpy as np
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=float)
    centre = float(data.mean())
    if len(data) < 2 or np.ptp(data) == 0:
        return Estimate(centre, centre, centre, level)
    bounds = bootstrap(
        (data,),
        np.mean,
        confidence_level=level,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        batch=max(1, 10_000_000 // len(data)),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(centre, float(bounds.low), float(bounds.high), level)


def _bootstrap(data: NDArray[np.float64], centre: float, level: float, seed: int) -> Estimate:
    import numpy as np
    from scipy.stats import bootstrap

    if len(data) < 2 or np.ptp(data) == 0:
        return Estimate(centre, centre, centre, level)
    bounds = bootstrap(
        (data,),
        np.median,
        confidence_level=level,
        n_resamples=RESAMPLES,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(centre, float(bounds.low), float(bounds.high), level)
