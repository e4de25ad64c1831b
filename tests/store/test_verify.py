import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.records import a_record, accuracy_record, files, filled
from zoodiff.cli.app import app
from zoodiff.store.collect import remove, waste
from zoodiff.store.folder import Store
from zoodiff.store.verify import verify


def test_a_whole_store_has_no_problem(place: Path | str) -> None:
    found = verify(filled(place).files)
    assert (found.records, found.attachments, found.runs) == (3, 1, 1)
    assert found.problems == ()


@pytest.mark.parametrize("position", range(0, 2000, 97))
def test_every_flipped_bit_of_every_file_is_found(tmp_path: Path, position: int) -> None:
    filled(tmp_path)
    for path in files(tmp_path, ""):
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[position % len(whole)] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        found = verify(Store(tmp_path).files).problems
        name = path.relative_to(tmp_path).as_posix()
        assert name in {one.name for one in found}, (name, position % len(whole))
        assert path.read_bytes() == damaged, "verify changes nothing"
        path.write_bytes(whole)
    assert verify(Store(tmp_path).files).problems == ()


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_a_missing_file_is_named_with_who_names_it(tmp_path: Path, ending: str) -> None:
    filled(tmp_path)
    for path in files(tmp_path / "records", ending):
        content = path.read_bytes()
        path.unlink()
        (problem,) = verify(Store(tmp_path).files).problems
        assert problem.fault == "missing"
        assert problem.name == path.relative_to(tmp_path).as_posix()
        assert ("run s names it" if ending == "json" else "record of fake:small") in problem.why
        path.write_bytes(content)


def test_a_record_under_another_ones_name_is_found(tmp_path: Path) -> None:
    filled(tmp_path)
    one, other = files(tmp_path / "records" / "architecture", ".json")
    one.write_bytes(other.read_bytes())
    (problem,) = verify(Store(tmp_path).files).problems
    assert problem.name.endswith(one.name)
    assert problem.fault == "damaged"


def test_a_record_in_another_kinds_folder_is_found(tmp_path: Path) -> None:
    filled(tmp_path)
    one = files(tmp_path / "records" / "architecture", ".json")[0]
    (tmp_path / "records" / "latency").mkdir()
    (tmp_path / "records" / "latency" / one.name).write_bytes(one.read_bytes())
    (problem,) = verify(Store(tmp_path).files).problems
    assert "it is a record of architecture" in problem.why


def test_an_edited_manifest_is_found(tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / "runs" / "s" / "run.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"complete": False}, indent=1))
    (problem,) = verify(Store(tmp_path).files).problems
    assert problem.name == "runs/s/run.json"


def test_the_command_ends_with_1_where_something_is_wrong(tmp_path: Path) -> None:
    filled(tmp_path)
    run = CliRunner().invoke
    good = run(app, ["store", "verify", "--results", str(tmp_path)])
    assert good.exit_code == 0
    assert good.stdout == "3 records, 1 attachments, 0 graphs, 1 runs: all as written\n"
    files(tmp_path / "records", ".json")[0].write_bytes(b"{")
    bad = run(app, ["store", "verify", "--results", str(tmp_path), "--json"])
    assert bad.exit_code == 3
    (problem,) = json.loads(bad.stdout)["problems"]
    assert problem["fault"] == "damaged"


# What can go


def test_rests_go_and_what_is_needed_stays(place: Path | str) -> None:
    store = filled(place)
    rests = {
        "records/architecture/.x.json.0a.tmp": "temporary",
        ".probe-0a.tmp": "temporary",
        "set-aside/x.json": "set aside",
        "unfinished/0123/000000.npz": "unfinished",
        "records/accuracy/0123456789abcdef-0123456789abcdef.parquet": "attachment without record",
    }
    for name in rests:
        store.files.write(name, b"12345")
    found = waste(store, older=-60)
    assert {one.name: one.why for one in found} == rests
    assert sum(one.bytes for one in found) == 25
    assert waste(store, older=3600) == []
    assert len(remove(store, found)) == 5
    assert waste(store, older=-60) == []
    checked = verify(store.files)
    assert (checked.records, checked.attachments, checked.problems) == (3, 1, ())


def test_parts_that_somebody_is_at_work_on_stay_whatever_the_clock_says(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.files.write("unfinished/0123/000000.npz", b"12345")
    os.utime(tmp_path / "unfinished" / "0123" / "000000.npz", (1, 1))
    lease = Store(tmp_path).leases.take("pass-0123")
    assert lease is not None
    assert [one.why for one in waste(store, older=60)] == []
    lease.release()
    assert [one.why for one in waste(store, older=60)] == ["unfinished"]


def test_records_that_no_run_names_go_only_when_asked_for(place: Path | str) -> None:
    store = filled(place)
    store.put(a_record("fake:small@w1", finished="2026-01-02T00:00:00+00:00"))
    other = accuracy_record(b"others", "fake:other@w1")
    store.put(other, b"others")
    assert waste(store, older=-60) == []
    found = waste(store, older=-60, unnamed=True)
    assert [one.why for one in found] == ["named by no run"] * 3
    remove(store, found)
    assert verify(store.files).records == 3
    assert verify(store.files).problems == ()


def test_with_a_damaged_manifest_nothing_is_taken_for_unnamed(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "runs" / "s" / "run.json").write_bytes(b"{")
    arguments = ["store", "gc", "--unnamed", "--older-than", "0s", "--results", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert "the records that no run names are unknown" in str(done.exception)
    assert len(files(tmp_path / "records", ".json")) == 3


def test_a_dry_run_removes_nothing_and_says_bytes(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.files.write("set-aside/x.json", b"12345")
    os.utime(tmp_path / "set-aside" / "x.json", (1, 1))
    arguments = ["store", "gc", "--results", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert done.stdout.splitlines()[-1] == "would remove 1 files, 5 bytes"
    assert (tmp_path / "set-aside" / "x.json").exists()
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(done.stdout)["bytes"] == 5
    assert not (tmp_path / "set-aside" / "x.json").exists()


@pytest.mark.parametrize("age", ["7", "d", "-1d", "1w", ""])
def test_an_age_that_is_none_is_one_sentence(tmp_path: Path, age: str) -> None:
    filled(tmp_path)
    done = CliRunner().invoke(
        app, ["store", "gc", f"--older-than={age}", "--results", str(tmp_path)]
    )
    assert "is no age" in str(done.exception)


def test_no_results_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["store", "verify", "--results", str(tmp_path / "none")])
    assert "there are no results in" in str(done.exception)
