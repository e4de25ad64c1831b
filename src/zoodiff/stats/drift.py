"""Whether a series is still on its way somewhere when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1

LEAST_VALUES = 6
"""Below this no order of values is rare enough to show anything."""


@dataclass(frozen=True)
class Drift:
    """A monotone trend in the later part of a series of positive numbers."""

    share: float
    """Relative change from the first to the last value looked at, by the Theil-Sen slope."""
    p_value: float
    """Of no trend, by Kendall's tau."""
    drifting: bool


def drift(values: Sequence[float], *, least: float = 0.02, level: float = 0.01) -> Drift | None:
    """The trend in the last half of a series (all of it below 12 values); None for too few.

    It counts as drifting where Kendall's tau shows a trend at ``level`` (H. B. Mann, "Nonparametric
    tests against trend", Econometrica 13, 1945) and the median of slopes (P. K. Sen, JASA 63,
    1968) makes a change of at least ``least`` of it. Both are blind to single outliers, and a
    series that wanders without going anywhere shows no trend.

    >>> found = drift([10.0, 9.5, 9.1, 8.7, 8.2, 7.8, 7.4])
    >>> found.drifting, round(found.share, 2)
    (True, -0.26)
    >>> drift([10.0, 10.1, 9.9, 30.0, 10.1, 9.9, 10.0]).drifting
    False
    """
    import numpy as np
    from scipy import stats

    later = list(values)[len(values) // 2 :] if len(values) >= 2 * LEAST_VALUES else list(values)
    if len(later) < LEAST_VALUES:
        return None
    logs, index = np.log(np.asarray(later, dtype=float)), np.arange(len(later))
    if np.ptp(logs) == 0:
        return Drift(0.0, 1.0, False)
    p_value = float(stats.kendalltau(index, logs).pvalue)
    share = expm1(float(stats.theilslopes(logs, index).slope) * (len(later) - 1))
    return Drift(share, p_value, p_value < level and abs(share) >= least)
