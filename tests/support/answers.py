"""Entries with chosen answers on a few images, as records with predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from support.records import a_record
from zoodiff.accuracy.predictions import Stored, predictions, to_parquet
from zoodiff.results import Interval
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record, attachment_name, key_of

LABELS = (0, 1, 2, 3, 0, 1)
"""The class of each image."""
CLASSES = 4


def content(
    answers: Sequence[int],
    numbers: Sequence[int],
    sure: Sequence[float] = (),
    keys: Sequence[int] = (),
) -> bytes:
    """Predictions with these best classes on the images of these numbers.

    -1 is a class that the data set does not have; ``sure`` are the logits of the answers. The keys
    of the images are their numbers if there are none.
    """
    outputs = np.zeros((len(answers), CLASSES + 1), np.float32)
    best = [CLASSES if answer < 0 else answer for answer in answers]
    outputs[np.arange(len(answers)), best] = sure or 9.0
    labels = np.array(LABELS)[list(numbers)]
    return to_parquet(
        Stored(
            predictions(outputs, labels, np.arange(CLASSES)),
            np.array(numbers, np.int32),
            labels,
            np.array(keys or numbers, np.uint64),
        )
    )


def recorded(
    store: Store,
    entry: str,
    answers: Sequence[int],
    keys: Sequence[int] = range(6),
    sure: Sequence[float] = (),
    **conditions: object,
) -> Record:
    """An entry with these answers, in the store."""
    file = content(answers, keys, sure)
    key = key_of(entry=entry)
    right = [LABELS[number] == answer for number, answer in zip(keys, answers, strict=True)]
    share = 100 * sum(right) / len(right)
    top = Interval(value=share, low=share, high=share)
    values = AccuracyValues(
        top1=top,
        top5=top,
        images=len(right),
        predictions_file=attachment_name(key, file),
        predictions_sha256=hashlib.sha256(file).hexdigest(),
        seconds=0.1,
    )
    stated = {"data_sha256": "d", **conditions}
    record = a_record(entry, key=key, values=values, conditions=stated)
    store.put(record, file)
    return record
