"""The difference of two inputs in levels of a pixel, of 0 to 255, over many images.

A level is 1/255 of the range of a pixel. Inputs are normalised, so their difference is divided by
what one level makes of it, per channel; of two recipes with different normalisations, by the larger
one, so that the result is the same whichever comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.preprocessing.effective import outside
from zoodiff.preprocessing.spec import Preprocessing, Triple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME_LEVELS = 0.01
"""Largest difference of the same pixels: a hundredth of the step of 8 bits. Float arithmetic in
another order, and a mean that is printed with fewer digits, stay below it."""
_PER_LEVEL = 8
_MOST_LEVELS = 512


@dataclass(frozen=True)
class Difference:
    """The size of a difference, in levels."""

    images: int
    max_levels: float
    mean_levels: float
    p99_levels: float
    """99 % of all values differ by at most this, up to an eighth of a level."""

    @property
    def same(self) -> bool:
        """Whether the pixels are the same."""
        return self.max_levels <= SAME_LEVELS

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Difference:
        """Read what ``to_dict`` wrote."""
        return cls(**raw)


class Accumulator:
    """Adds up the differences of one image after the other."""

    def __init__(self, unit: Triple) -> None:
        import numpy as np

        self._per_level = (1 / np.array(unit, dtype=np.float64)).astype(np.float32)
        self._max, self._sum, self._values, self._images = 0.0, 0.0, 0, 0
        self._counts = np.zeros(_PER_LEVEL * _MOST_LEVELS + 1, dtype=np.int64)
        self._other_shape = False

    def add(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        """Add two inputs (rows, columns, channels) of the same image."""
        import numpy as np

        self._images += 1
        if first.shape != second.shape:
            self._other_shape = True
            return
        self._values += first.size
        if first is second:
            self._counts[0] += first.size
            return
        levels = first - second
        np.abs(levels, out=levels)
        levels *= self._per_level[: first.shape[-1]]
        self._max = max(self._max, float(levels.max()))
        self._sum += float(levels.sum(dtype=np.float64))
        levels *= _PER_LEVEL
        np.ceil(levels, out=levels)
        np.minimum(levels, len(self._counts) - 1, out=levels)
        bins = levels.astype(np.int64).ravel()
        self._counts += np.bincount(bins, minlength=len(self._counts))

    def result(self) -> Difference | None:
        """Return the difference; None if inputs have other shapes, or there was no image."""
        import numpy as np

        if self._other_shape or not self._values:
            return None
        below = np.cumsum(self._counts)
        place = int(np.searchsorted(below, 0.99 * self._values))
        p99 = self._max if place == len(below) - 1 else min(place / _PER_LEVEL, self._max)
        return Difference(self._images, self._max, self._sum / self._values, p99)


def unit_of(first: Preprocessing, second: Preprocessing) -> Triple:
    """Return what one level of a pixel makes of the inputs of two recipes, per channel.

    >>> unit_of(Preprocessing(value_range=(0, 1)), Preprocessing(value_range=(0, 255)))
    (1.0, 1.0, 1.0)
    """
    scales = [
        max(abs(a), abs(b))
        for a, b in zip(outside(first).scale, outside(second).scale, strict=True)
    ]
    return scales[0], scales[1], scales[2]
