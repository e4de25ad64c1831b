"""Confidence sequences: intervals that stay valid however often they are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mean_sequence(
    values: NDArray[np.floating], low: float, high: float, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of a confidence sequence of the mean, after each value.

    With probability ``level`` all intervals contain the mean. ``values``, (values,), must be
    independent, in random order, and between ``low`` and ``high``. The method is the predictably
    mixed empirical-Bernstein sequence of I. Waudby-Smith and A. Ramdas, "Estimating means of
    bounded random variables by betting", Journal of the Royal Statistical Society B 86 (2024),
    theorem 2. Intervals never widen, since their intersection is valid too.
    """
    import numpy as np

    x = (np.asarray(values, dtype=float) - low) / (high - low)
    if len(x) == 0:
        return np.empty(0), np.empty(0)
    count = np.arange(1, len(x) + 1)
    means = (0.5 + np.cumsum(x)) / (count + 1)
    before = np.concatenate([[0.5], means[:-1]])
    variance = (0.25 + np.cumsum((x - means) ** 2)) / (count + 1)
    variance_before = np.concatenate([[0.25], variance[:-1]])
    alpha = 1 - level
    weight = np.sqrt(2 * np.log(2 / alpha) / (variance_before * count * np.log(count + 1)))
    weight = np.minimum(weight, 0.5)
    penalty = (-np.log1p(-weight) - weight) / 4
    spent = np.log(2 / alpha) + np.cumsum(4 * (x - before) ** 2 * penalty)
    total = np.cumsum(weight)
    centre = np.cumsum(weight * x) / total
    reach = spent / total
    lower = np.maximum.accumulate(np.clip(centre - reach, 0, 1))
    upper = np.minimum.accumulate(np.clip(centre + reach, 0, 1))
    return low + (high - low) * lower, low + (high - low) * upper


def decided(
    values: NDArray[np.floating], margin: float, level: float = 0.95
) -> tuple[str | None, int, float, float]:
    """Return whether paired differences are on average beyond a margin or within it.

    The differences, (values,), and the margin are between -1 and 1. Returns "more", "less" or None
    if undecided; the number of values after which it was decided (else of all values); and the ends
    of the interval at that time.
    """
    import numpy as np

    lower, upper = mean_sequence(values, -1.0, 1.0, level)
    if len(lower) == 0:
        return None, 0, -1.0, 1.0
    more = (lower > margin) | (upper < -margin)
    less = (lower > -margin) & (upper < margin)
    known = np.nonzero(more | less)[0]
    place = int(known[0]) if len(known) else len(lower) - 1
    verdict = None if not len(known) else ("more" if more[place] else "less")
    return verdict, place + 1, float(lower[place]), float(upper[place])
