"""A study audits recipes: planned, recorded per name, found again, assembled and reported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from support.planted_recipes import BASE, PLANTED
from zoodiff.api.studies import RunRequest
from zoodiff.api.studies import run as run_study
from zoodiff.errors import StudyError
from zoodiff.recipes.attribution import Attribution, Cause
from zoodiff.recipes.audit import Audit, PairResult
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.own_code import OwnCheck
from zoodiff.recipes.published import Published, Recipe
from zoodiff.report import render
from zoodiff.report.exports import discrepancies
from zoodiff.report.page import page
from zoodiff.store import bundle
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.store.verify import verify
from zoodiff.study import config
from zoodiff.study.jobs import recipes
from zoodiff.study.plan import plan
from zoodiff.zoos.registry import Entry

pytestmark = pytest.mark.usefixtures("fake_zoo", "few_images")

STUDY = 'name = "r"\ntitle = "t"\n'
NAMES = 'names = ["small_net", "wide_net"]\n'
SAME = Difference(2, 0.0, 0.0, 0.0)
LARGE = Difference(2, 33.0, 1.6, 8.1)
KERNEL = Cause(("interpolation",), ("PRE104",), "bilinear", "bicubic", LARGE, 0.0)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "audit_images", lambda: (AuditImage("a.png", b"a"),))


@pytest.fixture
def audits(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of each audit, of which the first name's recipes differ."""
    calls: list[list[str]] = []

    def audited(by_name: Mapping[str, Sequence[Entry]], options: AuditOptions) -> Audit:
        calls.append(list(by_name))
        published = Published(unpublished=dict.fromkeys(by_name, 0))
        checks, pairs = {}, {}
        for name, entries in by_name.items():
            first, second = (f"{entry.zoo.name}:{entry.model.name}@w1" for entry in entries)
            plain = Recipe("fake", BASE, name, "file")
            other = Recipe("other", PLANTED["bicubic"].spec, name, "file")
            published.names[name] = {plain: [first], other: [second]}
            checks |= {plain: OwnCheck(2, SAME), other: OwnCheck(2, LARGE)}
            same = name != "small_net"
            attributed = Attribution(SAME if same else LARGE, () if same else (KERNEL,), ())
            pairs[plain, other] = PairResult(attributed)
        published.absent["fake:small@w2"] = "get it with: fetch small"
        return Audit(published, checks, pairs, {"other": "it is slow", "fake:deep@x": "not here"})

    monkeypatch.setattr(recipes, "audit", audited)
    return calls


def study(more: str = f"[recipes]\n{NAMES}") -> config.LoadedStudy:
    return config.parse(STUDY + more)


def test_all_names_are_one_task_and_the_zoos_of_the_table_limit_them() -> None:
    (task,) = plan(study("[recipes]\n")).tasks
    assert task.kind == "recipes"
    assert {entry.zoo.name for entry in task.entries} == {"fake", "other"}
    (task,) = plan(study()).tasks
    assert task.label == "recipes of 2 names"
    with pytest.raises(StudyError, match="no two of these zoos share a name"):
        plan(study('[recipes]\nzoos = ["fake"]\n'))


@pytest.mark.parametrize("table", ["names", "recipes"])
def test_entries_that_are_selected_are_those_of_the_table_select(table: str) -> None:
    chosen = f'[select]\nnames = ["small_net"]\n[{table}]\nentries = "selected"\n'
    entries = [entry for task in plan(study(chosen)).tasks for entry in task.entries]
    assert {entry.model.architecture for entry in entries} == {"small_net"}
    assert {entry.zoo.name for entry in entries} == {"fake", "other"}
    with pytest.raises(StudyError, match=r'entries = "selected" needs a table \[select\]'):
        study(f'[{table}]\nentries = "selected"\n')
    with pytest.raises(StudyError, match="leave zoos and names out"):
        study(f'[select]\n[{table}]\nentries = "selected"\nzoos = ["fake"]\n')


def test_a_wrong_key_names_its_line() -> None:
    with pytest.raises(StudyError, match=r'line 4: unknown key "recipes\.zoo"; did you mean zoos'):
        study('[recipes]\nzoo = ["fake"]\n')


def test_each_name_has_a_record_with_its_own_findings(
    tmp_path: Path, audits: list[list[str]]
) -> None:
    run = run_study(RunRequest(study=study(), results=tmp_path))
    assert (run.measured, run.reused) == (2, 0)
    small, wide = run.result.recipes
    assert (small.name, small.values.different) == ("small_net", 2)
    assert [recipe.letter for recipe in small.values.recipes] == ["A", "B"]
    assert [recipe.own_code for recipe in small.values.recipes] == ["same", "other pixels"]
    (pair,) = small.values.pairs
    assert pair.causes[0].codes == ["PRE104"]
    assert pair.whole is not None
    assert pair.whole.max_levels == 33
    assert small.values.absent == {"fake:small@w2": "get it with: fetch small"}
    assert (wide.name, wide.values.different, wide.values.pairs) == ("wide_net", 1, [])
    assert wide.values.absent == {}
    for name in (small, wide):
        (finding,) = name.values.findings  # of the other name there is none
        assert finding.code == "PRE112"
        assert name.values.failures == {"other": "it is slow"}
    assert run.result.not_compared is None


def test_records_are_found_again_and_a_new_name_alone_is_audited(
    tmp_path: Path, audits: list[list[str]]
) -> None:
    alone = study('[recipes]\nnames = ["small_net"]\n')
    run_study(RunRequest(study=alone, results=tmp_path))
    run = run_study(RunRequest(study=study(), results=tmp_path))
    assert (run.measured, run.reused) == (1, 1)
    again = run_study(RunRequest(study=study(), results=tmp_path))
    assert (again.measured, again.reused) == (0, 2)
    assert audits == [["small_net"], ["wide_net"]]
    assert again.result.recipes == run.result.recipes


def test_a_stopped_run_keeps_the_names_of_finished_jobs(
    tmp_path: Path, audits: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "TOGETHER", 1)
    whole = recipes.audit

    def stops(by_name: Mapping[str, Sequence[Entry]], options: AuditOptions) -> Audit:
        if "wide_net" in by_name:
            raise KeyboardInterrupt
        return whole(by_name, options)

    monkeypatch.setattr(recipes, "audit", stops)
    with pytest.raises(KeyboardInterrupt):
        run_study(RunRequest(study=study(), results=tmp_path))
    monkeypatch.setattr(recipes, "audit", whole)
    run = run_study(RunRequest(study=study(), results=tmp_path))
    assert (run.measured, run.reused) == (1, 1)
    assert audits == [["small_net"], ["wide_net"]]


def test_images_and_files_are_part_of_what_a_record_answers(
    tmp_path: Path, audits: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_study(RunRequest(study=study(), results=tmp_path))
    monkeypatch.setattr(recipes, "audit_images", lambda: (AuditImage("a.png", b"other"),))
    run = run_study(RunRequest(study=study(), results=tmp_path))
    assert (run.measured, run.reused) == (2, 0)


def test_reports_have_a_row_per_name(tmp_path: Path, audits: list[list[str]]) -> None:
    result = run_study(RunRequest(study=study(), results=tmp_path)).result
    markdown = render.to_markdown(page(result))
    row = "| small_net | 2 of 2 | fake, other | 1.6 | 33 | PRE104 33 | 1 |"
    assert row in markdown.replace("\\", "")
    assert "- PRE104 interpolation: 1 name" in markdown
    assert "fetch small" in markdown
    assert "Nothing was measured" not in markdown
    assert "Of 2 names with published preprocessings, 1 has several that differ" in markdown
    html = render.to_html(page(result))
    assert 'id="recipes-table"' in html
    assert "get it with: fetch small" in html.replace("<wbr>", "")
    document = json.loads(discrepancies.to_json(result))
    assert [name["name"] for name in document["recipes"]] == ["small_net", "wide_net"]
    assert document["recipes"][0]["values"]["pairs"][0]["whole"]["max_levels"] == 33


def test_a_study_without_the_table_has_no_section(tmp_path: Path) -> None:
    only = study(f"[names]\n{NAMES}")
    result = run_study(RunRequest(study=only, results=tmp_path)).result
    assert result.recipes == []
    assert "Recipes in pixels" not in render.to_html(page(result))


def test_records_of_recipes_are_verified_and_carried_in_bundles(
    tmp_path: Path, audits: list[list[str]]
) -> None:
    run_study(RunRequest(study=study(), results=tmp_path / "r"))
    assert {record.kind for record in Store(tmp_path / "r")} == {"recipes"}
    assert verify(LocalFiles(tmp_path / "r")).problems == ()
    bundle.write_bundle(Store(tmp_path / "r"), tmp_path / "all.tar")
    other = Store(tmp_path / "other")
    bundle.read_bundle(other, tmp_path / "all.tar")
    assert len(list(other)) == 2
