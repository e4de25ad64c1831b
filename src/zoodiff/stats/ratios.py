"""Ratios of latencies: formed within rounds, in several processes, with an interval over processes.

Two processes of one network are not equally fast, because memory lies elsewhere in each; so rounds
of one process are no independent repetitions, however many there are. The model is

    log ratio of round r in process p = centre + process[p] + noise[p, r].

Each process gives the median of its rounds, and these are independent, whatever the noise of
rounds is: their mean has Student's t interval with one degree of freedom less than there are
processes. From eight processes on a fifth of them is cut off on either side, because now and then
something else runs beside one entry of a process for most of its time. The interval of the
trimmed mean is that of J. Tukey and D. McLaughlin ("Less vulnerable confidence and significance
procedures for location", 1963).

A bootstrap on both levels was tried first. With the few processes that a measurement can afford its
intervals hold the truth too rarely where processes differ (87 to 92 of 100 for 95, with three to
five processes), and estimating the levels apart does not mend it; the t interval holds it in 95 of
100 in all cases that were simulated (``tests/stats/test_ratios.py``). Of a single process there is
only a bootstrap over its rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING

from zoodiff.stats import intervals
from zoodiff.stats.intervals import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MANY = 8
"""From so many processes on the outermost do not count; of fewer too few would be left."""
Rounds = Sequence["NDArray[np.float64]"]
"""Processes -> (rounds,): one number a round."""


def undisturbed(calls: Sequence[float]) -> float:
    """Return the lower quartile of call times, which system noise affects least.

    Other work and caches that belong to others only ever add time, so the lower part of a block
    says more of the network than its middle. The smallest call would vary less still, but it is the
    smaller the more calls there are.

    >>> undisturbed([5.0, 1.0, 2.0, 3.0, 90.0])
    2.0
    """
    import numpy as np

    return float(np.quantile(calls, 0.25))


def within_rounds(numerator: Rounds, denominator: Rounds) -> list[NDArray[np.float64]]:
    """Processes -> (rounds,) log ratios of latencies that were measured in the same rounds.

    What was common to a round, drift and neighbours and frequency, cancels. Raises ValueError
    where the rounds of the two do not fit each other.
    """
    import numpy as np

    if [len(one) for one in numerator] != [len(one) for one in denominator]:
        raise ValueError("a ratio within rounds needs as many rounds on both sides")
    return [np.log(a) - np.log(b) for a, b in zip(numerator, denominator, strict=True) if len(a)]


def centre(values: Rounds) -> float:
    """The trimmed mean over processes of the median over rounds; ValueError without any round."""
    if not values:
        raise ValueError("there is no round to take a centre of")
    middles = _middles(values)
    cut = _cut(len(middles))
    return float(middles[cut : len(middles) - cut].mean())


def _middles(values: Rounds) -> NDArray[np.float64]:
    """The medians of processes, sorted."""
    import numpy as np

    return np.sort([np.median(one) for one in values])


def _cut(processes: int) -> int:
    """How many processes do not count at either end."""
    return processes // 5 if processes >= _MANY else 0


def interval(values: Rounds, level: float = 0.95) -> Estimate:
    """The centre of one number a round, with Student's interval over processes, trimmed.

    >>> import numpy as np
    >>> found = interval([np.array([1.0, 2.0, 9.0]), np.array([4.0])])
    >>> found.value, round(found.high - found.low, 2)  # 2 * 12.706 * 1.0
    (3.0, 25.41)
    """
    import numpy as np
    from scipy import stats

    middle = centre(values)
    if len(values) == 1:
        return intervals.median([float(one) for one in values[0]], level)
    middles = _middles(values)
    cut = _cut(len(middles))
    kept = len(middles) - 2 * cut
    winsorised = np.clip(middles, middles[cut], middles[-1 - cut])
    error = float(winsorised.std(ddof=1)) * sqrt((len(middles) - 1) / (kept * (kept - 1)))
    reach = float(stats.t.ppf((1 + level) / 2, kept - 1)) * error
    return Estimate(middle, middle - reach, middle + reach, level)


def latency(milliseconds: Rounds, level: float = 0.95) -> Estimate:
    """The latency that medians of rounds show, in milliseconds, averaged as logarithms."""
    import numpy as np

    return _exp(interval([np.log(one) for one in milliseconds if len(one)], level))


def ratio(numerator: Rounds, denominator: Rounds, level: float = 0.95) -> Estimate:
    """The ratio of two latencies, each the medians of rounds, with its interval."""
    return _exp(interval(within_rounds(numerator, denominator), level))


def noise_floor(controls: Sequence[Estimate]) -> float:
    """How large a |log ratio| equal things showed in a run; without a control, infinite.

    Each control is the ratio of an entry to its own copy. Its distance from 1 is an error that
    was made, the half width of its interval one that could have been made.

    >>> round(noise_floor([Estimate(1.01, 0.99, 1.02), Estimate(1.0, 0.995, 1.005)]), 4)
    0.0149
    """
    reached = [abs(log(one.value)) for one in controls]
    possible = [(log(one.high) - log(one.low)) / 2 for one in controls]
    return max([*reached, *possible], default=inf)


def _exp(found: Estimate) -> Estimate:
    return Estimate(exp(found.value), exp(found.low), exp(found.high), found.level)
