"""Answers of two entries of a study on the same images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from support.records import a_record
from zoodiff.accuracy import discrepancies
from zoodiff.accuracy.predictions import Stored, predictions, to_parquet
from zoodiff.results import Interval
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record, attachment_name, key_of

LABELS = np.array([0, 1, 2, 3, 0, 1])


def recorded(
    store: Store, entry: str, answers: list[int], keys: list[int], classes: int = 4
) -> Record:
    """An entry with these best classes on the images of these keys."""
    outputs = np.zeros((len(answers), classes + 1), np.float32)
    outputs[np.arange(len(answers)), [classes if a < 0 else a for a in answers]] = 9
    labels = LABELS[keys]
    rows = Stored(
        predictions(outputs, labels, np.arange(classes)),
        np.array(keys, np.int32),
        labels,
        np.array(keys, np.uint64),
    )
    content = to_parquet(rows)
    key = key_of(entry=entry)
    share = 100 * float((np.array(answers) == labels).mean())
    top = Interval(value=share, low=share, high=share)
    values = AccuracyValues(
        top1=top,
        top5=top,
        images=len(answers),
        predictions_file=attachment_name(key, content),
        predictions_sha256=hashlib.sha256(content).hexdigest(),
        seconds=0.1,
    )
    record = a_record(entry, key=key, values=values, conditions={"data_sha256": "d"})
    store.put(record, content)
    return record


def counts(store: Store, *records: Record) -> tuple[int, ...]:
    ranking = discrepancies.compare(records, store)
    assert ranking.unread == {}
    (pair,) = ranking.pairs
    table = pair.contingency
    assert table is not None
    assert table.same_answer is not None
    return table.both, table.high_alone, table.low_alone, table.neither, table.same_answer


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Right in five and four; both wrong with one class on the last image.
        ([0, 1, 2, 3, 0, 2], [0, 1, 2, 3, 1, 2], (4, 1, 0, 1, 5)),
        # Both wrong everywhere, with the same classes, and with others.
        ([1, 2, 3, 0, 1, 2], [1, 2, 3, 0, 1, 2], (0, 0, 0, 6, 6)),
        ([1, 2, 3, 0, 1, 2], [2, 3, 0, 1, 2, 3], (0, 0, 0, 6, 0)),
        # A class that the data set does not have is no answer that both could share.
        ([-1, 1, 2, 3, 0, 1], [-1, 1, 2, 3, 0, 1], (5, 0, 0, 1, 5)),
    ],
)
def test_same_answers_are_counted_right_or_wrong(
    tmp_path: Path, first: list[int], second: list[int], expected: tuple[int, ...]
) -> None:
    store, keys = Store(tmp_path), list(range(6))
    a, b = recorded(store, "fake:a@w", first, keys), recorded(store, "fake:b@w", second, keys)
    assert counts(store, a, b) == expected


def test_answers_are_compared_on_the_images_that_both_saw(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a = recorded(store, "fake:a@w", [0, 1, 2, 0], [0, 1, 2, 3])
    b = recorded(store, "fake:b@w", [2, 1, 0, 0], [2, 1, 3, 4])
    # On 1, 2 and 3 both answer 1, 2 and 0; the last is wrong.
    assert counts(store, a, b) == (2, 0, 0, 1, 3)
