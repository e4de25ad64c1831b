"""Classes in which two entries differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.stats import paired

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassDifference:
    """One class of the data set. ``points`` is first less second."""

    label: int
    images: int
    points: float
    only_first: int
    only_second: int
    benjamini_hochberg: float
    """McNemar's exact p-value, corrected over all classes."""


def per_class(
    labels: NDArray[np.integer], first: NDArray[np.bool_], second: NDArray[np.bool_], most: int
) -> tuple[ClassDifference, ...]:
    """The classes with the largest differences, at least two images of one more than of the other.

    ``labels``, ``first`` and ``second`` are (images,): the class, and who is right.
    """
    import numpy as np

    known = labels >= 0
    size = int(labels.max(initial=-1)) + 1

    def counted(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(labels[chosen & known], minlength=size)

    images, a, b = counted(known), counted(first & ~second), counted(second & ~first)
    present = np.nonzero(images)[0]
    p_values = paired.benjamini_hochberg([paired.mcnemar(int(a[k]), int(b[k])) for k in present])
    found = [
        ClassDifference(
            int(k),
            int(images[k]),
            100 * float(a[k] - b[k]) / float(images[k]),
            int(a[k]),
            int(b[k]),
            float(p),
        )
        for k, p in zip(present, p_values, strict=True)
        if abs(int(a[k] - b[k])) >= 2
    ]
    found.sort(key=lambda one: (one.benjamini_hochberg, -abs(one.only_first - one.only_second)))
    return tuple(found[:most])
