"""Labelled image sets by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.data.labels import LabelSpace
from zoodiff.errors import UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Decoded images of one size with their labels, and the hash of both."""

    name: str
    split: str
    images: NDArray[np.uint8]
    """(images, height, width, channels)."""
    labels: NDArray[np.int64]
    """(images,), class indices of ``labels_space``."""
    labels_space: LabelSpace
    sha256: str


def load(name: str) -> LabelledImages:
    """Load a data set's test split; raise UnknownNameError for one that there is not."""
    if name != "digits":
        raise UnknownNameError(f'no data set "{name}"; there is digits')
    from zoodiff.data import digits

    split = digits.load().test
    return LabelledImages(name, "test", split.images, split.labels, digits.LABELS, split.sha256)
