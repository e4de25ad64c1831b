r"""Decompose a latency ratio: architecture, pre/post-processing inside one network, framework.

With :math:`t` the latency in an entry's own framework, :math:`u` that of the same network in one
reference runtime, and :math:`s` that of the network in the reference runtime without what is inside
it and not inside the other,

.. math::

    \frac{t_A}{t_B} = \frac{s_A}{s_B}
        \cdot \frac{u_A / s_A}{u_B / s_B}
        \cdot \frac{t_A / t_B}{u_A / u_B}

in every round: architecture, inside, framework. All six are measured in the same rounds, so each
part is a ratio within rounds and has its own interval.
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
    """What is inside the first network only."""
    inside_b: tuple[str, ...] = ()
    reason: str = ""
    """Why there are no parts."""

    @property
    def rest(self) -> float:
        """The ratio over the product of its parts.

        The identity holds in every round; centres are medians, and those do not add up exactly.
        """
        if self.architecture is None or self.framework is None or self.inside is None:
            return 1.0
        product = self.architecture.value * self.framework.value * self.inside.value
        return self.total.value / product

    def share(self, part: Estimate | None) -> float | None:
        """How much of the log ratio a part is.

        None where there is no part, and where the ratio is not known to differ from 1: shares of
        nothing are noise.
        """
        if part is None or self.total.low <= 1 <= self.total.high:
            return None
        return log(part.value) / log(self.total.value)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
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

    Each argument is a pair of processes -> (rounds,) latencies. A side of ``stripped`` that is the
    very object of ``common`` lacks nothing; ``stripped`` None says so of both. ``common`` None
    means that there is no reference runtime, for ``reason``. Raises ValueError where rounds do not
    fit each other.
    """
    import numpy as np

    t = [_logs(side) for side in native]
    total = [a - b for a, b in _together(*t)]
    if common is None:
        return RatioParts(
            _ratio(estimator, total), reason=reason or "there is no reference runtime"
        )
    u = [_logs(side) for side in common]
    s = [_logs(side) for side in (stripped or common)]
    architecture = [a - b for a, b in _together(*s)]
    runtime = [a - b for a, b in _together(*u)]
    apart = [a - b for a, b in _together(runtime, architecture)]
    framework = [a - b for a, b in _together(total, runtime)]
    nothing = all(not np.any(one) for one in apart)
    return RatioParts(
        _ratio(estimator, total),
        _ratio(estimator, architecture),
        _ratio(estimator, framework),
        Estimate(1.0, 1.0, 1.0) if nothing else _ratio(estimator, apart),
        *inside,
    )


def _logs(processes: Processes) -> list[NDArray[np.float64]]:
    import numpy as np

    return [np.log(np.asarray(one, dtype=np.float64)) for one in processes]


def _together(
    a: Sequence[NDArray[np.float64]], b: Sequence[NDArray[np.float64]]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if [x.shape for x in a] != [y.shape for y in b]:
        raise ValueError("parts of a ratio need all latencies in the same rounds")
    return [(x, y) for x, y in zip(a, b, strict=True) if x.size]


def _ratio(estimator: Estimator, logs: list[NDArray[np.float64]]) -> Estimate:
    found = estimator(logs)
    return Estimate(exp(found.value), exp(found.low), exp(found.high), found.level)
