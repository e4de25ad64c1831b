"""Maps the classes of a data set to the outputs of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES, LabelSpace, mapping
from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def label_mapping_of(subject: EvaluatedEntry, images: ImageSet, width: int) -> NDArray[np.int64]:
    """Return the output of each class of the data set, (classes,); -1 for none.

    ``width`` is the number of outputs. Raises MeasurementError if it fits no label space,
    UsageError if the two label spaces have no class in common.
    """
    return mapping(space_of(subject, images, width), images.space or LabelSpace("classes", width))


def space_of(subject: EvaluatedEntry, images: ImageSet, width: int) -> LabelSpace:
    """Return the label space of an entry with ``width`` outputs, guessed if the entry has none.

    Raises MeasurementError if the number of outputs fits no label space.
    """
    space = images.space or LabelSpace("classes", width)
    own = subject.labels
    if own == NO_CLASSES:
        raise MeasurementError(
            f"{subject.name} answers with {width} features, not with classes; choose weights with "
            "a classifier, or name its label space with --labels (labels in a study)"
        )
    if own.classes == 0:
        guessed = _guess(width, space)
        if guessed is None:
            raise MeasurementError(
                f"{subject.name} has {width} outputs, which fit no label space that the "
                f"{space.classes} classes of {images.name} could be mapped to; name "
                "its label space with --labels (labels in a study)"
            )
        own = guessed
    if own.classes != width:
        raise MeasurementError(
            f"{subject.name} has {width} outputs, but its label space {own.name} has "
            f"{own.classes} classes"
        )
    return own


def _guess(width: int, space: LabelSpace) -> LabelSpace | None:
    """Return the label space that fits a number of outputs on these images; None if none does."""
    if width == space.classes:
        return space
    if space == IMAGENET_1K and width == space.classes + 1:
        return LabelSpace(f"{space.name} with background", width, background=True)
    return None
