"""How far apart two outputs may be before it is more than rounding.

The deviation of two outputs is given relative to the spread of the first,
:math:`d = \\max|y_a - y_b| / \\max|y_a - \\bar y_a|`, and is held against what rounding
explains: how far each network is from its own run in double precision, and how far inputs that
differ by one unit in the last place move it. No constant decides, since a network may amplify
rounding a thousandfold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN = 8.0
"""How many times what rounding explains two outputs may differ: rounding is estimated from few
inputs, and the sum of two roundings of other programs is not the sum of these."""
_UNIT = float(np.finfo(np.float32).eps)
_FLAT = 1e-6
"""Outputs that vary by less than this part of their size count as constant."""


@dataclass(frozen=True)
class Deviation:
    """How far two networks are apart on one input, and what of it rounding explains."""

    probe: str
    measured: float
    """Relative to the spread of the outputs; infinite where one gives no number."""
    rounding: float

    @property
    def ratio(self) -> float:
        """Measured over what rounding explains."""
        return self.measured / max(self.rounding, 1e-300)

    @property
    def explained(self) -> bool:
        """Whether rounding explains it."""
        return self.measured <= MARGIN * self.rounding


def spread(outputs: Any) -> float:
    """Return the largest deviation of outputs from their mean; their size where they are equal."""
    values = np.asarray(outputs, dtype=np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    size = float(np.max(np.abs(values)))
    varied = float(np.max(np.abs(values - values.mean())))
    return varied if varied > _FLAT * size else size


def deviation(a: Any, b: Any, scale: float) -> float:
    """Return the largest difference of two outputs over ``scale``.

    Infinite where they differ in number, or where only one is not finite.
    """
    a, b = (np.asarray(x, dtype=np.float64).reshape(-1) for x in (a, b))
    if a.shape != b.shape:
        return float("inf")
    finite = np.isfinite(a) & np.isfinite(b)
    if not finite.all():
        no_number = ~finite
        if not np.array_equal(a[no_number], b[no_number], equal_nan=True):
            return float("inf")
        a, b = a[finite], b[finite]
    if not a.size:
        return 0.0
    largest = float(np.max(np.abs(a - b)))
    return largest / scale if scale > 0 else (0.0 if largest == 0 else float("inf"))


def least_rounding(outputs: Any, scale: float) -> float:
    """Return what storing outputs in single precision does to them, relative to ``scale``."""
    values = np.asarray(outputs, dtype=np.float64)
    values = values[np.isfinite(values)]
    size = float(np.max(np.abs(values), initial=0.0))
    return _UNIT * size / scale if scale > 0 else 0.0


def scales_of(first: Sequence[NDArray[Any]], second: Sequence[NDArray[Any]]) -> tuple[float, ...]:
    """Return the spread of each output of the first network, or of the second's where it is 0."""
    return tuple(spread(x) or spread(y) for x, y in zip(first, second, strict=True))


def largest_deviation(
    a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]], scales: Sequence[float]
) -> float:
    """Return the largest deviation of several outputs, each relative to its own scale."""
    if len(a) != len(b):
        return float("inf")
    apart = [deviation(x, y, scale) for x, y, scale in zip(a, b, scales, strict=True)]
    return max(apart, default=0.0)


def pooled(measured: Sequence[tuple[str, float]], rounding: Sequence[float]) -> list[Deviation]:
    """Return the deviations, each held against its own rounding and that of the usual input.

    One input may by luck be rounded to next to nothing; half of what the median input shows is
    granted to every one.
    """
    finite = [x for x in rounding if np.isfinite(x)]
    usual = 0.5 * float(np.median(finite)) if finite else 0.0
    return [
        Deviation(probe, value, max(own if np.isfinite(own) else 0.0, usual))
        for (probe, value), own in zip(measured, rounding, strict=True)
    ]
