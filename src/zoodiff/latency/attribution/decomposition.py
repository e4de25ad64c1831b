r"""Decompose a latency ratio: architecture, pre/post-processing inside one network, framework.

Let :math:`t` be the latency in an entry's own framework, :math:`u` that of the same network in the
reference runtime, and :math:`s` that in the reference runtime without the pre/post-processing that
only this network contains. Then

.. math::

    \frac{t_A}{t_B} = \frac{s_A}{s_B}
        \cdot \frac{u_A / s_A}{u_B / s_B}
        \cdot \frac{t_A / t_B}{u_A / u_B}

in every round. The factors are called architecture, inside and framework. All six latencies are
measured in the same rounds, so each factor is a ratio within rounds and has its own interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import TYPE_CHECKING, Any

from zoodiff.stats import ratios
from zoodiff.stats.intervals import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Processes = Sequence[NDArray[np.float64]]
    """Processes -> (rounds,) lower quartiles of blocks, in milliseconds."""
    Sides = tuple[Processes, Processes]
    Estimator = Callable[[list[NDArray[np.float64]]], Estimate]
    """The centre of log ratios, processes -> (rounds,), with its interval."""


@dataclass(frozen=True)
class RatioParts:
    """Factors of one ratio with intervals; without reference runs, only ``total``."""

    total: Estimate
    architecture: Estimate | None = None
    framework: Estimate | None = None
    inside: Estimate | None = None
    inside_a: tuple[str, ...] = ()
    """Pre/post-processing that only the first network contains."""
    inside_b: tuple[str, ...] = ()
    """Pre/post-processing that only the second network contains."""
    reason: str = ""
    """Why there are no parts."""

    @property
    def rest(self) -> float:
        """The ratio over the product of its parts; near 1.

        In every round it is exactly 1, but medians over rounds do not multiply exactly.
        """
        if self.architecture is None or self.framework is None or self.inside is None:
            return 1.0
        product = self.architecture.value * self.framework.value * self.inside.value
        return self.total.value / product

    def share(self, part: Estimate | None) -> float | None:
        """Return the share of a part in the log ratio, as a fraction.

        None if there is no part, or if the interval of the ratio contains 1: shares of so small a
        ratio would be noise.
        """
        if part is None or self.total.low <= 1 <= self.total.high:
            return None
        return log(part.value) / log(self.total.value)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "rest": self.rest}


def parts(
    native: Sides,
    common: Sides | None,
    stripped: Sides | None,
    estimator: Estimator = ratios.interval,
    *,
    inside: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    reason: str = "",
) -> RatioParts:
    """Decompose the ratio of the first network's latency to the second's.

    ``native`` are the latencies in the entries' own frameworks, ``common`` those in the reference
    runtime, ``stripped`` those in the reference runtime without pre/post-processing of one network
    only; each is a pair of processes -> (rounds,) milliseconds. ``stripped`` None means that
    neither network has such processing. If ``common`` is None, the result has only the ratio, and
    ``reason`` says why. Raises ValueError if the arguments differ in their numbers of rounds.
    """
    import numpy as np

    t = [_logs(side) for side in native]
    total = [a - b for a, b in _by_process(*t)]
    if common is None:
        return RatioParts(
            _ratio(estimator, total), reason=reason or "there is no reference runtime"
        )
    u = [_logs(side) for side in common]
    s = [_logs(side) for side in (stripped or common)]
    architecture = [a - b for a, b in _by_process(*s)]
    runtime = [a - b for a, b in _by_process(*u)]
    inside_logs = [a - b for a, b in _by_process(runtime, architecture)]
    framework = [a - b for a, b in _by_process(total, runtime)]
    nothing_inside = all(not np.any(logs) for logs in inside_logs)
    return RatioParts(
        _ratio(estimator, total),
        _ratio(estimator, architecture),
        _ratio(estimator, framework),
        Estimate(1.0, 1.0, 1.0) if nothing_inside else _ratio(estimator, inside_logs),
        *inside,
    )


def _logs(processes: Processes) -> list[NDArray[np.float64]]:
    import numpy as np

    return [np.log(np.asarray(times, dtype=np.float64)) for times in processes]


def _by_process(
    a: Sequence[NDArray[np.float64]], b: Sequence[NDArray[np.float64]]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if [x.shape for x in a] != [y.shape for y in b]:
        raise ValueError("parts of a ratio need all latencies in the same rounds")
    return [(x, y) for x, y in zip(a, b, strict=True) if x.size]


def _ratio(estimator: Estimator, logs: list[NDArray[np.float64]]) -> Estimate:
    estimate = estimator(logs)
    return Estimate(exp(estimate.value), exp(estimate.low), exp(estimate.high), estimate.level)
