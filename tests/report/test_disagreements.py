"""The images on which entries disagree, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.answers import recorded
from zoodiff.accuracy.discrepancies import compare
from zoodiff.report import disagreements
from zoodiff.report.disagreements import DisagreementRow, PairDisagreements
from zoodiff.report.page import page
from zoodiff.report.stored import StoreReader
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult


def measured(result: StudyResult, store: Store, space: str = "") -> StudyResult:
    """A study of three entries of which the first is right everywhere."""
    answers = {"a": [0, 1, 2, 3, 0, 1], "b": [0, 1, 2, 3, 0, 2], "c": [0, 1, 2, 3, 0, -1]}
    records = [
        recorded(store, f"fake:{name}@w", given, space=space) for name, given in answers.items()
    ]
    pairs = list(compare(records, store).pairs)
    return result.model_copy(update={"records": records, "measured_accuracy": pairs})


@pytest.mark.parametrize(
    ("space", "right", "wrong"),
    [
        ("imagenet-1k", "goldfish", "great white shark"),
        ("cifar-10", "automobile", "bird"),
        ("a folder of mine", "class 1", "class 2"),
        ("", "class 1", "class 2"),
    ],
)
def test_classes_have_names_where_they_are_known(
    result: StudyResult, tmp_path: Path, space: str, right: str, wrong: str
) -> None:
    store = Store(tmp_path)
    known = PairDisagreements(store).of(measured(result, store, space))
    (row,) = known["small_net", "fake:a@w", "fake:b@w"]
    assert (row.image, row.label, row.right) == ("image 5", right, "high")
    assert row.high == f"{right}, 100.0 %"
    assert row.low == f"{wrong}, 100.0 %"
    (lacking,) = known["small_net", "fake:a@w", "fake:c@w"]
    assert lacking.low == "a class that the data set does not have, 100.0 %"
    (neither,) = known["small_net", "fake:b@w", "fake:c@w"]
    assert neither.right == "neither"


def test_the_page_has_them_at_their_pair(result: StudyResult, tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = measured(result, store, "cifar-10")
    document = page(study, StoreReader(store).parts(study)).document
    rows = [row for each in document.architectures for row in each.rows]
    (shown,) = [r for r in rows if (r.high, r.low) == ("fake:a@w", "fake:b@w")]
    assert [type(each) for each in shown.disagreements] == [DisagreementRow]
    bare = page(study).document
    assert not any(row.disagreements for each in bare.architectures for row in each.rows)


def test_rows_whose_records_are_not_certain_have_none(result: StudyResult, tmp_path: Path) -> None:
    store = Store(tmp_path)
    study = measured(result, store)
    (first, *others) = study.records
    twice = [first, first.model_copy(update={"key": "f" * 64}), *others]
    known = PairDisagreements(store).of(study.model_copy(update={"records": twice}))
    assert list(known) == [("small_net", "fake:b@w", "fake:c@w")]


def test_the_number_of_read_pairs_is_bounded(
    result: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    study = measured(result, store)
    monkeypatch.setattr(disagreements, "MOST", 1)
    assert len(PairDisagreements(store).of(study)) == 1
