"""Detect a trend at the end of a series, such as a latency that has not settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1

LEAST_VALUES = 6
"""With fewer values, no order of them is improbable enough to show a trend."""


@dataclass(frozen=True)
class Drift:
    """A monotone trend in the later part of a series of positive numbers."""

    share: float
    """Relative change over that part, a fraction, by the Theil-Sen slope."""
    p_value: float
    """P-value of the hypothesis that there is no trend, by Kendall's tau."""
    drifting: bool
    """Whether the trend is significant and large enough to count."""


def drift(values: Sequence[float], *, least: float = 0.02, level: float = 0.01) -> Drift | None:
    """Return the trend in the last half of a series; None for fewer than 6 values.

    Series of fewer than 12 values are used whole. A series is drifting if Kendall's tau shows a
    trend at the significance level ``level`` (H. B. Mann, "Nonparametric tests against trend",
    Econometrica 13, 1945) and the change by the median of slopes (P. K. Sen, JASA 63, 1968) is at
    least the fraction ``least``. Single outliers affect neither.

    >>> trend = drift([10.0, 9.5, 9.1, 8.7, 8.2, 7.8, 7.4])
    >>> trend.drifting, round(trend.share, 2)
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
