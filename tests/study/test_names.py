"""A study tabulates names: planned, recorded, found again, assembled and reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import report_examples
from zoodiff.api.studies import RunRequest
from zoodiff.api.studies import run as run_study
from zoodiff.architecture import describe
from zoodiff.errors import StudyError
from zoodiff.report import render
from zoodiff.report.exports import discrepancies
from zoodiff.report.page import page
from zoodiff.store import bundle
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.store.verify import verify
from zoodiff.study import config
from zoodiff.study.plan import plan

pytestmark = pytest.mark.usefixtures("fake_zoo")

STUDY = 'name = "names"\ntitle = "t"\n[names]\n'


def study(more: str = "") -> config.LoadedStudy:
    return config.parse(STUDY + more)


def test_each_entry_of_a_shared_name_is_one_task() -> None:
    tasks = plan(study()).tasks
    assert {task.kind for task in tasks} == {"names"}
    names = {task.entries[0].model.architecture for task in tasks}
    assert {task.entries[0].zoo.name for task in tasks} == {"fake", "other"}
    assert len(tasks) == 2 * len(names)
    one = plan(study('names = ["small_net"]\n')).tasks
    assert [str(task.entries[0].ref) for task in one] == ["fake:small@w1", "other:small@w1"]


def test_the_zoos_of_a_study_limit_its_names() -> None:
    alone = plan(study('zoos = ["fake"]\nall = true\n')).tasks
    assert {task.entries[0].zoo.name for task in alone} == {"fake"}
    with pytest.raises(StudyError, match="no two of these zoos share a name"):
        plan(study('zoos = ["fake"]\n'))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('zoos = ["fakr"]', 'line 4: no zoo "fakr"'),
        ('names = ["small_nett"]', 'line 4: no network is called "small_nett"'),
        ("zoo = 3", 'line 4: unknown key "names.zoo"; did you mean zoos'),
    ],
)
def test_a_wrong_value_names_its_line(key: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        plan(study(f"{key}\n"))


def test_the_table_has_a_letter_per_network(tmp_path: Path) -> None:
    only = study('names = ["small_net", "wide_net"]\n')
    result = run_study(RunRequest(study=only, results=tmp_path)).result
    assert result.names is not None
    assert {row.name: [e.letter for e in row.entries] for row in result.names.rows} == {
        "small_net": ["A", "A"],
        "wide_net": ["A", "A"],
    }
    assert result.not_compared is None
    networks = {row.entries[0].network for row in result.names.rows}
    assert len(networks) == 2


def test_a_record_is_found_again_and_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = study('names = ["small_net"]\n')
    first = run_study(RunRequest(study=only, results=tmp_path))
    assert (first.measured, first.reused) == (2, 0)
    monkeypatch.setattr(describe, "describe", None)
    monkeypatch.setattr("zoodiff.study.scheduler.open_engine", None)
    again = run_study(RunRequest(study=only, results=tmp_path))
    assert (again.measured, again.reused) == (0, 2)
    assert again.result.names == first.result.names


def test_what_cannot_be_built_is_in_the_table_without_a_network(tmp_path: Path) -> None:
    only = study('names = ["small_net", "refuse_net", "lie_net"]\n')
    run = run_study(RunRequest(study=only, results=tmp_path))
    assert run.result.names is not None
    missing = [e for row in run.result.names.rows for e in row.entries if not e.built]
    assert {e.entry for e in missing} == {failure.entry for failure in run.failures}
    assert len(missing) >= 2
    assert [e.letter for e in run.result.names.rows[-1].entries] == ["A", "A"]


def test_the_report_has_the_table_and_the_store_keeps_its_records(tmp_path: Path) -> None:
    only = study('names = ["small_net", "wide_net"]\n')
    result = run_study(RunRequest(study=only, results=tmp_path / "r")).result
    printed = page(result)
    for text in (render.to_html(printed), render.to_markdown(printed)):
        assert "Table of names" in text
        assert "1 in 2" in text
    assert '"names": [' in discrepancies.to_json(result)
    assert {record.kind for record in Store(tmp_path / "r")} == {"names"}
    assert verify(LocalFiles(tmp_path / "r")).problems == ()
    bundle.write_bundle(Store(tmp_path / "r"), tmp_path / "all.tar")
    other = Store(tmp_path / "other")
    bundle.read_bundle(other, tmp_path / "all.tar")
    assert len(list(other)) == 4


def test_a_report_without_names_has_no_such_section() -> None:
    assert 'id="names"' not in render.to_html(page(report_examples.example()))
