"""Finds outputs that have one value for all images, as a zeroed row of the last layer gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

from zoodiff.accuracy.predictions import are_probabilities

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_IMAGES = 20
"""Fewest images from which an output is called constant."""


class Constants(TypedDict):
    """Outputs that are constant over some images, as plain values for a checkpoint."""

    classes: list[list[float]]
    """Class of the data set and value of each constant output."""
    range: list[float]
    """The least and the largest of all outputs."""
    images: int


def constants_of(outputs: NDArray[Any], label_mapping: NDArray[np.int64]) -> Constants:
    """Return the outputs that have one value for all of some images, (images, outputs).

    ``label_mapping`` is (classes of the data set,), the output of each class, -1 for none.
    Probabilities are left out, since rounding makes small ones 0.
    """
    import numpy as np

    values = np.asarray(outputs, dtype=np.float64)
    if not values.size:
        return Constants(classes=[], range=[0.0, 0.0], images=0)
    constant = np.ptp(values, axis=0) == 0
    if are_probabilities(values):
        constant[:] = False
    return Constants(
        classes=[
            [c, float(values[0, k])]
            for c, k in enumerate(label_mapping.tolist())
            if k >= 0 and constant[k]
        ],
        range=[float(values.min()), float(values.max())],
        images=len(values),
    )


def constant_classes(parts: Iterable[Constants], classes: int) -> list[int]:
    """Return the classes whose output is constant over all parts of the images.

    The least and the largest value are left out: integers saturate there, and a bias may keep a
    class from being predicted. If more than a tenth of the outputs are constant, the network is,
    and no row is at fault.
    """
    known = [part for part in parts if part["images"]]
    if sum(part["images"] for part in known) < _LEAST_IMAGES:
        return []
    low = min(part["range"][0] for part in known)
    high = max(part["range"][1] for part in known)
    values = set.intersection(*({(c, value) for c, value in part["classes"]} for part in known))
    if len(values) > max(1, classes // 10):
        return []
    return sorted(int(c) for c, value in values if low < value < high)
