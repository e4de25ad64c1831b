from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from zoodiff.errors import StoreError
from zoodiff.report import write
from zoodiff.report.exports import papers
from zoodiff.study.result import StudyResult

NAMES = ["discrepancies.csv", "discrepancies.json", "index.html", "report.md", "tables"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_report_is_four_files_and_a_folder_of_tables(result: StudyResult, tmp_path: Path) -> None:
    files = write(result, tmp_path / "new" / "report")
    assert sorted(p.name for p in files.folder.iterdir()) == NAMES
    assert files.html.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert files.markdown.read_text(encoding="utf-8").startswith("# ")
    assert sorted(p.name for p in files.tables.iterdir()) == sorted(
        f"{name}.{ending}" for name in papers.NAMES for ending in ("csv", "md", "tex")
    )


def test_a_report_replaces_an_earlier_one_and_nothing_else(
    result: StudyResult, empty: StudyResult, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(empty, tmp_path)
    before = (tmp_path / "index.html").read_bytes()
    write(result, tmp_path)
    assert (tmp_path / "index.html").read_bytes() != before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*NAMES, "notes.txt"])


def test_a_full_disk_leaves_the_earlier_report(
    result: StudyResult, empty: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(empty, tmp_path)
    before = contents(tmp_path)
    calls = 0

    def full_at_the_third(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_at_the_third)
    with pytest.raises(StoreError, match=r"cannot write the report .*No space left"):
        write(result, tmp_path)
    assert contents(tmp_path) == before


def test_a_file_in_the_way_is_named(result: StudyResult, tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write the report into .*taken"):
        write(result, target)
    assert target.read_text() == "a file"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(result: StudyResult, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="permit writing"):
        write(result, tmp_path)


def test_lone_surrogates_in_names_do_not_stop_a_report(result: StudyResult, tmp_path: Path) -> None:
    odd = result.model_copy(update={"not_run": ["a name \udcff that is not text"]})
    files = write(odd, tmp_path)
    assert "that is not text" in files.html.read_text(encoding="utf-8")
