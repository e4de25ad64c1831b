"""How two arrays of weights agree element by element: exactly, up to rounding, up to quantisation.

Nothing is called rounded or quantised unless one side holds only values of that kind, and every
element is as near as rounding to it allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zoodiff.equivalence.weights.weight_diff import as_bfloat16, as_half

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Closeness = Literal[
    "equal",
    "rounded to half precision",
    "rounded to bfloat16",
    "quantised per tensor",
    "quantised per channel",
]

EXACT = 0.0
COMPUTED = 2e-5
"""Relative to the largest of a row: error of single precision when factors are multiplied in."""
_CLAMP = 1.5e-7
"""Converters to half precision lift smaller numbers to 1e-7."""
_FAR = 0.1
"""Relative to the largest element; no rounding and no step is larger."""
_SCALED = 2.5
_SAMPLE = 1024
_LEVELS = 256
_SLACK = 1e-3


def grid_of(array: Any) -> frozenset[str]:
    """Which short formats hold all values of an array: ``half``, ``bfloat16``."""
    kinds = (("half", as_half), ("bfloat16", as_bfloat16))
    return frozenset(
        name for name, kind in kinds if np.array_equal(kind(array), array, equal_nan=True)
    )


def closeness(
    x: Floats,
    y: Floats,
    stored: tuple[Any, Any],
    tolerance: float = EXACT,
    *,
    scaled: bool = False,
) -> Closeness | None:
    """How the rows (out, ...) of the two agree; None where they do not.

    ``stored`` are the values that each side stores, in any order: one of them must hold only
    values of a short format for the two to be equal up to rounding to it. ``tolerance`` is relative
    to the largest element of each row. ``scaled`` says that factors were taken from rounded
    weights, which are off by as much again.
    """
    if x.shape != y.shape:
        return None
    if _apart(x, y):
        return None
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "equal" if np.array_equal(x, y, equal_nan=True) else None
    rows = x.reshape(x.shape[0], -1)
    other_rows = y.reshape(rows.shape)
    far = np.abs(rows - other_rows)
    size = np.maximum(np.abs(rows), np.abs(other_rows))
    largest = size.max(axis=1, initial=0.0)[:, None]
    if bool((far <= tolerance * largest).all()):
        return "equal"
    if float(far.max()) > _FAR * float(largest.max()):
        return None
    computed = max(tolerance, 1e-7) * largest
    if scaled:
        size = size * _SCALED
    return _rounded(size, far, stored, computed) or quantised(rows, other_rows, far)


def _apart(x: Floats, y: Floats) -> bool:
    """Whether a sample of elements shows that the two are far apart."""
    if x.size < 2 * _SAMPLE:
        return False
    chosen = np.random.default_rng(0).integers(0, x.size, _SAMPLE)
    sample_x, sample_y = x.reshape(-1)[chosen], y.reshape(-1)[chosen]
    size = max(float(np.abs(sample_x).max()), float(np.abs(sample_y).max()))
    return bool(np.median(np.abs(sample_x - sample_y)) > _FAR * size)


def _rounded(
    size: Floats, far: Floats, stored: tuple[Any, Any], computed: Floats
) -> Closeness | None:
    """Half of the distance of two neighbours; all of it where bfloat16 was cut off."""
    half = bool((far <= size * 2**-11 + _CLAMP + computed).all())
    if not half and not bool((far <= size * 2**-7 + computed).all()):
        return None
    grids = grid_of(stored[0]) ^ grid_of(stored[1])
    if half and "half" in grids:
        return "rounded to half precision"
    return "rounded to bfloat16" if "bfloat16" in grids else None


_FEW = 32
"""Numbers below which even steps show nothing."""


def quantised(x: Floats, y: Floats, far: Floats) -> Closeness | None:
    """Whether one side is the other in at most 256 even steps, each weight within half a step."""
    if x.size < _FEW:
        return None  # so few numbers are near some even steps by chance
    if _proportional(x, y):
        return None
    for exact, steps in ((x, y), (y, x)):
        whole = _step(steps.reshape(-1), far.reshape(-1), exact.reshape(-1))
        if whole:
            return "quantised per tensor"
        if x.shape[0] > 1 and x.shape[1] > 3:
            rows = zip(steps, far, exact, strict=True)
            if all(_step(row, away, real) is not None for row, away, real in rows):
                return "quantised per channel"
    return None


def _proportional(x: Floats, y: Floats) -> bool:
    """Whether one side is the other times one factor per row, as equal integers of other steps."""
    square = np.einsum("ij,ij->i", x, x)
    factor = np.einsum("ij,ij->i", x, y) / np.where(square > 0, square, 1.0)
    largest = np.abs(y).max(axis=1, initial=0.0)[:, None]
    return bool((np.abs(x * factor[:, None] - y) <= COMPUTED * largest).all())


def _step(values: Floats, far: Floats, exact: Floats) -> float | None:
    """The step of a row of quantised values; 0 for one without any; None where it is not."""
    levels = np.unique(values)
    if levels.size > _LEVELS:
        return None
    bound = float(far.max(initial=0.0))
    if bound == 0.0:
        return 0.0
    largest = float(np.abs(levels).max())
    if largest == 0.0:
        return None
    gaps = np.diff(levels)
    candidates = [largest / k for k in (127, 128, 7, 8)]
    candidates += [float(levels[-1] - levels[0]) / k for k in (255, 15) if levels.size > 1]
    if gaps.size > 8:
        candidates.append(float(gaps.min()))
    for step in candidates:
        if bound > 0.5 * step * (1 + _SLACK):
            continue
        whole = np.round(levels / step)
        even = bool((np.abs(levels - whole * step) <= 2 * _SLACK * step).all())
        if even and whole[-1] - whole[0] < _LEVELS and _spread(exact, step):
            return step
    return None


def _spread(exact: Floats, step: float) -> bool:
    """Whether the side that is not quantised is really off the steps."""
    return bool((np.abs(exact / step - np.round(exact / step)) > 2 * _SLACK).any())
