"""Answers of two entries of a study on the same images."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.answers import recorded
from zoodiff.accuracy import discrepancies
from zoodiff.store.folder import Store
from zoodiff.store.records import Record


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
    store = Store(tmp_path)
    a, b = recorded(store, "fake:a@w", first), recorded(store, "fake:b@w", second)
    assert counts(store, a, b) == expected


def test_answers_are_compared_on_the_images_that_both_saw(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a = recorded(store, "fake:a@w", [0, 1, 2, 0], [0, 1, 2, 3])
    b = recorded(store, "fake:b@w", [2, 1, 0, 0], [2, 1, 3, 4])
    # On 1, 2 and 3 both answer 1, 2 and 0; the last is wrong.
    assert counts(store, a, b) == (2, 0, 0, 1, 3)
