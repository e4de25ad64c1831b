"""What the outputs of an entry mean among the classes of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import IMAGENET_1K, LabelSpace, mapping
from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def label_mapping_of(one: EvaluatedEntry, images: ImageSet, width: int) -> NDArray[np.int64]:
    """Which output means which class of the data set; -1 for none.

    Raises MeasurementError where the number of outputs fits no label space, UsageError where two
    label spaces have no class in common.
    """
    return mapping(space_of(one, images, width), images.space or LabelSpace("classes", width))


def space_of(one: EvaluatedEntry, images: ImageSet, width: int) -> LabelSpace:
    """The label space of an entry with so many outputs; what it does not say, the images do.

    Raises MeasurementError where the number of outputs fits no label space.
    """
    space = images.space or LabelSpace("classes", width)
    own = one.labels
    if own.classes == 0:
        guessed = _guess(width, space)
        if guessed is None:
            raise MeasurementError(
                f"{one.name} has {width} outputs, which fit no label space that the "
                f"{space.classes} classes of {images.name} could be mapped to; name "
                "its label space with --labels (labels in a study)"
            )
        own = guessed
    if own.classes != width:
        raise MeasurementError(
            f"{one.name} has {width} outputs, but its label space {own.name} has "
            f"{own.classes} classes"
        )
    return own


def _guess(width: int, space: LabelSpace) -> LabelSpace | None:
    """The label space of a file that says nothing of it, from its number of outputs."""
    if width == space.classes:
        return space
    if space == IMAGENET_1K and width == space.classes + 1:
        return LabelSpace(f"{space.name} with background", width, background=True)
    return None
