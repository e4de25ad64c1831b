"""Finds the classes in which two entries differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.stats import paired

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassDifference:
    """One class of the data set; ``points`` is top-1 of the first less the second, in points."""

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
    """Return up to ``most`` classes with a difference of two images or more, largest first.

    ``labels``, ``first`` and ``second`` are (images,): the class, and whether each entry is right.
    """
    import numpy as np

    labelled = labels >= 0
    size = int(labels.max(initial=-1)) + 1

    def images_per_class(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(labels[chosen & labelled], minlength=size)

    images, only_first, only_second = (
        images_per_class(labelled),
        images_per_class(first & ~second),
        images_per_class(second & ~first),
    )
    present = np.nonzero(images)[0]
    p_values = paired.benjamini_hochberg(
        [paired.mcnemar(int(only_first[k]), int(only_second[k])) for k in present]
    )
    differences = [
        ClassDifference(
            int(k),
            int(images[k]),
            100 * float(only_first[k] - only_second[k]) / float(images[k]),
            int(only_first[k]),
            int(only_second[k]),
            float(p),
        )
        for k, p in zip(present, p_values, strict=True)
        if abs(int(only_first[k] - only_second[k])) >= 2
    ]
    differences.sort(
        key=lambda item: (item.benjamini_hochberg, -abs(item.only_first - item.only_second))
    )
    return tuple(differences[:most])
