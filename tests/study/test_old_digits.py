"""A store of the version that kept accuracy on digits in a format of its own.

``old_digits`` holds what it wrote of two entries: records, and predictions without ranks and keys.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.records import manifest
from zoodiff.report import write
from zoodiff.store.folder import Store
from zoodiff.study.assemble import assemble

OLD = Path(__file__).parent / "old_digits"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    shutil.copytree(OLD, tmp_path / "records" / "accuracy")
    return Store(tmp_path)


def test_old_records_are_intact(store: Store) -> None:
    assert len(list(store)) == 2
    assert store.damaged == []


def test_a_report_names_what_must_be_measured_again(store: Store, tmp_path: Path) -> None:
    names = [f"accuracy/{path.name}" for path in sorted(OLD.glob("*.json"))]
    text = 'name = "s"\ntitle = "t"\n'
    run = manifest(names).model_copy(update={"study_text": text})
    result = assemble(store, run)
    assert not result.complete
    assert result.measured_accuracy == []
    assert {one.entry for one in result.failures} == {one.entry for one in result.records}
    for failure in result.failures:
        assert "in the format of another zoodiff; run the study again" in failure.reason
    assert "run the study again" in write(result, tmp_path / "report").markdown.read_text()
    assert store.damaged == []
