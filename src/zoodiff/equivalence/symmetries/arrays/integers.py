"""Weights that one network stores as integers, whose step and zero point the graph does not say.

An integer :math:`q` stands for :math:`s (q - z)`, so it is the rounded weight :math:`w` where
:math:`(q - z - 1/2) s \\le w \\le (q - z + 1/2) s`. For a zero point these are bounds on the step,
and there is one if the largest lower bound is below the smallest upper one. The smallest and the
largest integer may stand for anything beyond them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.arrays.closeness import Closeness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SLACK = 1e-3
_LEAST = 8
"""Weights that have one step; fewer would prove nothing."""
_BITS = 8


def stores_integers(array: NDArray[Any]) -> bool:
    """Whether an array holds integers of at most eight bits."""
    return bool(np.issubdtype(array.dtype, np.integer)) and array.dtype.itemsize * 8 <= _BITS


def integer_closeness(weights: Floats, integers: NDArray[Any]) -> Closeness | None:
    """Whether integers (out, ...) are weights in even steps, one per tensor or one per output."""
    x = weights.reshape(weights.shape[0], -1)
    q = integers.reshape(x.shape)
    limits = np.iinfo(integers.dtype)
    ends = int(limits.min), int(limits.max)
    if _has_step(x.reshape(-1), q.reshape(-1).astype(np.float64), ends):
        return "quantised per tensor"
    rows = zip(x, q.astype(np.float64), strict=True)
    if all(_has_step(row, whole, ends) for row, whole in rows):
        return "quantised per channel"
    return None


def _has_step(x: Floats, q: Floats, ends: tuple[int, int]) -> bool:
    if x.size < _LEAST or not np.isfinite(x).all():
        return False
    if not x.any():
        return bool((q == q[0]).all())
    centred = x - x.mean()
    spread = float(np.dot(centred, centred))
    slope = float(np.dot(centred, q - q.mean())) / spread if spread else 0.0
    likely = round(float(q.mean()) - slope * float(x.mean()))
    zeros = dict.fromkeys((0, likely, likely - 1, likely + 1))
    return any(_feasible(x, q - zero, q <= ends[0], q >= ends[1]) for zero in zeros)


def _feasible(x: Floats, u: Floats, lowest: Any, highest: Any) -> bool:
    """Whether some step puts every weight within half of it."""
    below, above = u[~lowest] - 0.5, u[~highest] + 0.5
    at_least, at_most = x[~lowest], x[~highest]
    with np.errstate(divide="ignore"):
        upper = [at_least[below > 0] / below[below > 0], at_most[above < 0] / above[above < 0]]
        lower = [at_most[above > 0] / above[above > 0], at_least[below < 0] / below[below < 0]]
    most = min((float(part.min()) for part in upper if part.size), default=np.inf)
    least = max((float(part.max()) for part in lower if part.size), default=0.0)
    return 0 < most < np.inf and least <= most * (1 + _SLACK)
