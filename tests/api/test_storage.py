"""The results folder from Python: what was changed by hand is what is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import zoodiff
from support.records import filled
from zoodiff.errors import UsageError


def test_what_was_edited_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    assert zoodiff.verify_results(tmp_path).problems == ()
    edited = sorted((tmp_path / "records" / "architecture").glob("*.json"))[0]
    edited.write_bytes(edited.read_bytes().replace(b"small_net", b"other_net"))
    (problem,) = zoodiff.verify_results(str(tmp_path)).problems
    assert problem.name == f"records/architecture/{edited.name}"
    assert problem.fault == "damaged"


@pytest.mark.parametrize("older", ["90s", 90, 90.0])
def test_what_is_old_goes_and_a_dry_run_removes_nothing(tmp_path: Path, older: str | float) -> None:
    filled(tmp_path)
    for name, age in (("old", 100), ("young", 10)):
        file = tmp_path / "set-aside" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"12345")
        seconds = file.stat().st_mtime - age
        os.utime(file, (seconds, seconds))
    there = set(tmp_path.rglob("*"))
    planned = zoodiff.collect_waste(tmp_path, older=older, dry_run=True)
    assert [(one.name, one.bytes) for one in planned] == [("set-aside/old", 5)]
    assert set(tmp_path.rglob("*")) == there
    assert zoodiff.collect_waste(tmp_path, older=older) == planned
    assert there - set(tmp_path.rglob("*")) == {tmp_path / "set-aside" / "old"}


@pytest.mark.parametrize("age", ["", "7", "d", "7x", "-1s", "1.5h", "9999999999s"])
def test_what_is_no_age_is_refused(tmp_path: Path, age: str) -> None:
    filled(tmp_path)
    with pytest.raises(UsageError, match="is no age; write 90s, 30m, 12h or 7d"):
        zoodiff.collect_waste(tmp_path, older=age)


def test_results_move_to_another_folder_as_they_are(tmp_path: Path) -> None:
    filled(tmp_path / "here")
    exported = zoodiff.export_results(tmp_path / "x.tar", tmp_path / "here", runs=["s"])
    assert (exported.records, exported.attachments, exported.runs) == (3, 1, 1)
    imported = zoodiff.import_results(str(tmp_path / "x.tar"), tmp_path / "there")
    contents = {
        place: {
            path.relative_to(tmp_path / place).as_posix(): path.read_bytes()
            for path in (tmp_path / place).rglob("*")
            if path.is_file() and path.suffix in {".json", ".parquet"}
        }
        for place in ("here", "there")
    }
    assert set(imported.new) == set(contents["here"])
    assert contents["here"] == contents["there"]
    again = zoodiff.import_results(tmp_path / "x.tar", tmp_path / "there")
    assert (again.new, set(again.known)) == ((), set(contents["here"]))


def test_a_folder_without_results_is_said(tmp_path: Path) -> None:
    for call in (zoodiff.verify_results, zoodiff.collect_waste):
        with pytest.raises(UsageError, match="there are no results in"):
            call(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="there are no results in"):
        zoodiff.export_results(tmp_path / "x.tar", tmp_path / "nowhere")
