"""Images to which two recorded entries give different answers, with both answers."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.accuracy.pairs import same_images
from zoodiff.accuracy.predictions import read_columns
from zoodiff.errors import MeasurementError
from zoodiff.store.folder import Store
from zoodiff.store.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_COLUMNS = ("image", "key", "label", "classes", "scores")
_IN_MEMORY = 4
"""Entries whose answers are kept in memory: 24 bytes per image each."""


@dataclass(frozen=True)
class Answer:
    """The best class of an entry; -1 for a class that the data set does not have."""

    best: int
    probability: float


@dataclass(frozen=True)
class Disagreement:
    """An image to which two entries give different classes."""

    image: int
    """Its number in the data set."""
    key: int
    """The first 8 bytes of the sha256 of the image, as a number."""
    label: int
    """The class of the image; -1 without one."""
    first: Answer
    second: Answer


@dataclass(frozen=True, eq=False)
class _Answers:
    """The answers of an entry, each (images,)."""

    images: NDArray[np.int32]
    keys: NDArray[np.uint64]
    labels: NDArray[np.int64]
    best: NDArray[np.int32]
    probabilities: NDArray[np.float32]


class DisagreementReader:
    """Reads predictions of a store and returns the images on which two entries disagree."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: OrderedDict[str, _Answers | None] = OrderedDict()

    def between(self, first: Record, second: Record, most: int) -> tuple[Disagreement, ...]:
        """Return images to which two entries give different classes, at most so many.

        Images that one of the two names correctly come first, and of these the surest answers.
        Empty if predictions are missing or damaged.
        """
        left, right = self._answers(first), self._answers(second)
        if left is None or right is None:
            return ()
        return _disagreements(left, right, most)

    def _answers(self, record: Record) -> _Answers | None:
        if record.key in self._read:
            self._read.move_to_end(record.key)
            return self._read[record.key]
        answers = self._read[record.key] = self._load(record)
        if len(self._read) > _IN_MEMORY:
            self._read.popitem(last=False)
        return answers

    def _load(self, record: Record) -> _Answers | None:
        import numpy as np

        if record.attachment is None or not self._store.intact(record):
            return None
        try:
            columns = read_columns(self._store.read_attachment(record), _COLUMNS)
        except (MeasurementError, OSError):
            return None
        shapes = [columns[name].ndim for name in _COLUMNS if name in columns]
        if shapes != [1, 1, 1, 2, 2]:
            return None
        return _Answers(
            columns["image"],
            columns["key"],
            columns["label"].astype(np.int64),
            columns["classes"][:, 0].astype(np.int32),
            np.nan_to_num(columns["scores"][:, 0].astype(np.float32)),
        )


def _disagreements(first: _Answers, second: _Answers, most: int) -> tuple[Disagreement, ...]:
    import numpy as np

    rows, others = same_images(first.keys, second.keys)
    best, other_best, labels = first.best[rows], second.best[others], first.labels[rows]
    sure, other_sure = first.probabilities[rows], second.probabilities[others]
    apart = np.nonzero(best != other_best)[0]
    one_right = (best[apart] == labels[apart]) != (other_best[apart] == labels[apart])
    order = np.lexsort((-(sure[apart] + other_sure[apart]), ~one_right))
    return tuple(
        Disagreement(
            image=int(first.images[rows[k]]),
            key=int(first.keys[rows[k]]),
            label=int(labels[k]),
            first=Answer(int(best[k]), float(sure[k])),
            second=Answer(int(other_best[k]), float(other_sure[k])),
        )
        for k in apart[order][:most]
    )
