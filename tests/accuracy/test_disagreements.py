"""Images to which two recorded entries give different classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.answers import recorded
from support.records import files
from zoodiff.accuracy.disagreements import DisagreementReader
from zoodiff.store.folder import Store

SEEN = list(range(6))


def test_images_that_one_names_come_first_and_then_the_surest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    # Labels are 0 1 2 3 0 1. Right in one alone: 1 and 3; wrong in both, with other classes: 0.
    a = recorded(store, "fake:a@w", [1, 1, 2, 0, 0, 1], SEEN, [9, 2, 9, 4, 9, 9])
    b = recorded(store, "fake:b@w", [2, 0, 2, 3, 0, 1], SEEN, [9, 2, 9, 4, 9, 9])
    found = DisagreementReader(store).between(a, b, 10)
    assert [(each.image, each.label) for each in found] == [(3, 3), (1, 1), (0, 0)]
    assert [(each.first.best, each.second.best) for each in found] == [(0, 3), (1, 0), (1, 2)]
    assert found[0].first.probability == pytest.approx(0.93, abs=0.01)
    assert len(DisagreementReader(store).between(a, b, 2)) == 2
    assert DisagreementReader(store).between(a, a, 10) == ()


def test_images_are_matched_by_their_content(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a = recorded(store, "fake:a@w", [0, 1, 2], [0, 1, 2])
    b = recorded(store, "fake:b@w", [2, 3], [2, 1])
    (found,) = DisagreementReader(store).between(a, b, 10)
    assert (found.image, found.first.best, found.second.best) == (1, 1, 3)


def test_a_class_that_the_data_set_lacks_is_no_answer_of_both(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a = recorded(store, "fake:a@w", [-1, -1, 2, 3, 0, 1])
    b = recorded(store, "fake:b@w", [-1, 1, 2, 3, 0, 1])
    (found,) = DisagreementReader(store).between(a, b, 10)
    assert (found.image, found.first.best, found.second.best) == (1, -1, 1)


def test_predictions_that_are_lost_or_damaged_give_no_images(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a, b = (recorded(store, f"fake:{k}@w", [k] * 6) for k in (0, 1))
    for file in files(tmp_path, ".parquet"):
        file.write_bytes(b"PAR1")
    assert DisagreementReader(store).between(a, b, 10) == ()


def test_few_entries_are_kept_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [recorded(store, f"fake:{k}@w", [k % 4] * 6) for k in range(9)]
    reader = DisagreementReader(store)
    counts = [len(reader.between(records[0], other, 10)) for other in records[1:]]
    assert counts == [6, 6, 6, 0, 6, 6, 6, 0]
    assert len(reader._read) == 4
