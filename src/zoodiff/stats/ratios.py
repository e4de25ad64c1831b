"""Ratios of latencies: formed within rounds, in several processes, with an interval over processes.

Two processes of one network differ in speed, because their memory layouts differ; so the rounds of
one process are not independent repetitions. The model is

    log ratio of round r in process p = centre + process[p] + noise[p, r].

Each process contributes the median of its rounds. These medians are independent whatever the noise
of the rounds, so their mean has Student's t interval with one degree of freedom less than
processes. From eight processes on, a fifth of them is trimmed at either end, because other programs
sometimes disturb one entry during most of a process. The interval of the trimmed mean is that of
J. Tukey and D. McLaughlin ("Less vulnerable confidence and significance procedures for location",
1963).

A bootstrap on both levels was tried first. With three to five processes that differ, its 95 %
intervals contain the true value in only 87 to 92 of 100 cases, and separate estimates of the two
levels do not help; the t interval contains it in 95 of 100 in all simulated cases
(``tests/stats/test_ratios.py``). With a single process, the interval is a bootstrap over its
rounds.
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
"""Number of processes from which the outermost are trimmed; of fewer, too few would remain."""
Rounds = Sequence["NDArray[np.float64]"]
"""Processes -> (rounds,): one number per round."""


def undisturbed(calls: Sequence[float]) -> float:
    """Return the lower quartile of call times, which system noise affects least.

    Other programs only ever add time, so the lower quartile of a block describes the network better
    than its median. The minimum would vary even less, but it depends on the number of calls.
    ``calls``, at least one, and the result have the same unit.

    >>> undisturbed([5.0, 1.0, 2.0, 3.0, 90.0])
    2.0
    """
    import numpy as np

    return float(np.quantile(calls, 0.25))


def within_rounds(numerator: Rounds, denominator: Rounds) -> list[NDArray[np.float64]]:
    """Return log ratios of latencies that were measured in the same rounds, per process (rounds,).

    Drift, other programs and frequency affect both latencies of a round alike and cancel. Raises
    ValueError if the two differ in their numbers of rounds.
    """
    import numpy as np

    if [len(rounds) for rounds in numerator] != [len(rounds) for rounds in denominator]:
        raise ValueError("a ratio within rounds needs as many rounds on both sides")
    return [np.log(a) - np.log(b) for a, b in zip(numerator, denominator, strict=True) if len(a)]


def centre(values: Rounds) -> float:
    """Return the trimmed mean over processes of the medians over rounds.

    Raises ValueError without rounds.
    """
    if not values:
        raise ValueError("there is no round to take a centre of")
    middles = _process_medians(values)
    cut = _trimmed_processes(len(middles))
    return float(middles[cut : len(middles) - cut].mean())


def _process_medians(values: Rounds) -> NDArray[np.float64]:
    """Return the median of each process, sorted."""
    import numpy as np

    return np.sort([np.median(rounds) for rounds in values])


def _trimmed_processes(processes: int) -> int:
    """Return how many processes are trimmed at either end."""
    return processes // 5 if processes >= _MANY else 0


def interval(values: Rounds, level: float = 0.95) -> Estimate:
    """Return the trimmed mean over processes with Student's interval, in the unit of the values.

    >>> import numpy as np
    >>> estimate = interval([np.array([1.0, 2.0, 9.0]), np.array([4.0])])
    >>> estimate.value, round(estimate.high - estimate.low, 2)  # 2 * 12.706 * 1.0
    (3.0, 25.41)
    """
    import numpy as np
    from scipy import stats

    middle = centre(values)
    if len(values) == 1:
        return intervals.median([float(value) for value in values[0]], level)
    middles = _process_medians(values)
    cut = _trimmed_processes(len(middles))
    remaining = len(middles) - 2 * cut
    winsorised = np.clip(middles, middles[cut], middles[-1 - cut])
    error = float(winsorised.std(ddof=1)) * sqrt((len(middles) - 1) / (remaining * (remaining - 1)))
    reach = float(stats.t.ppf((1 + level) / 2, remaining - 1)) * error
    return Estimate(middle, middle - reach, middle + reach, level)


def latency(milliseconds: Rounds, level: float = 0.95) -> Estimate:
    """Return the latency in milliseconds from the medians of rounds, averaged as logarithms."""
    import numpy as np

    return _exp(interval([np.log(rounds) for rounds in milliseconds if len(rounds)], level))


def ratio(numerator: Rounds, denominator: Rounds, level: float = 0.95) -> Estimate:
    """Return the ratio of two latencies with its interval, from block times of the same rounds.

    Raises ValueError if the two differ in their numbers of rounds.
    """
    return _exp(interval(within_rounds(numerator, denominator), level))


def noise_floor(controls: Sequence[Estimate]) -> float:
    """Return the noise floor of a run, an absolute log ratio; infinite without a control.

    Each control is the ratio of an entry to its own copy. Its distance from 1 is an error that the
    run showed; half the width of its interval is an error that was possible. The floor is the
    largest of all.

    >>> round(noise_floor([Estimate(1.01, 0.99, 1.02), Estimate(1.0, 0.995, 1.005)]), 4)
    0.0149
    """
    reached = [abs(log(control.value)) for control in controls]
    possible = [(log(control.high) - log(control.low)) / 2 for control in controls]
    return max([*reached, *possible], default=inf)


def _exp(logarithm: Estimate) -> Estimate:
    return Estimate(exp(logarithm.value), exp(logarithm.low), exp(logarithm.high), logarithm.level)
