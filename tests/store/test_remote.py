"""A store on a real S3 server: moto's, in a process of its own on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.records import a_record, accuracy_record, filled
from zoodiff.cli.app import app
from zoodiff.errors import StoreError, UsageError
from zoodiff.store.bundle import read_bundle, write_bundle
from zoodiff.store.collect import remove, waste
from zoodiff.store.folder import Store
from zoodiff.store.open import open_files
from zoodiff.store.verify import verify
from zoodiff.study import config
from zoodiff.study.run import run

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")


def test_records_and_predictions_come_back(bucket: str) -> None:
    store = filled(f"{bucket}/some/study")
    store.prepare()
    record = accuracy_record(b"predictions")
    again = Store(f"{bucket}/some/study/")
    assert again.find("accuracy", record.key) == record
    assert again.read_attachment(record) == b"predictions"
    assert again.intact(record)
    assert len(list(again)) == 3
    assert again.runs() == ["s"]
    assert again.read_manifest("s") == store.read_manifest("s")
    assert verify(again.files).problems == ()


def test_damage_is_found_and_set_aside(bucket: str) -> None:
    store = filled(bucket)
    record = a_record("fake:small@w1")
    name = f"records/{store.name_of(record)}"
    store.files.write(name, store.files.read(name)[:-10])
    (problem,) = verify(store.files).problems
    assert problem.name == name
    assert store.find("architecture", record.key) is None
    assert store.files.names("set-aside") == [name.rpartition("/")[2]]


def test_one_of_two_creates_and_one_of_two_has_the_lease(bucket: str) -> None:
    files = open_files(bucket)
    assert files.create("leases/x.json", b"one")
    assert not files.create("leases/x.json", b"two")
    assert files.read("leases/x.json") == b"one"
    mine, others = Store(bucket), Store(bucket)
    lease = mine.leases.take("task")
    assert lease is not None
    assert others.leases.take("task") is None
    lease.release()
    assert others.leases.take("task") is not None


def test_rests_are_collected_and_all_is_carried_elsewhere(bucket: str, tmp_path: Path) -> None:
    store = filled(bucket)
    store.files.write("unfinished/0123/000000.npz", b"12345")
    assert [one.why for one in remove(store, waste(store, older=-3600))] == ["unfinished"]
    write_bundle(store, tmp_path / "x.tar")
    other = Store(f"{bucket}/copy")
    assert len(read_bundle(other, tmp_path / "x.tar").new) == 5
    assert verify(other.files).problems == ()


def test_a_study_is_run_into_it_resumed_and_reported(
    fake_zoo: object, bucket: str, tmp_path: Path
) -> None:
    text = 'name = "s"\ntitle = "t"\n[architecture]\nentries = ["fake:small", "other:wide"]\n'

    class Quiet:
        def expects(self, sentence: str) -> None: ...

        def begin(self, tasks: int, finished: int) -> None: ...
        def task(self, label: str) -> None: ...
        def step(self, label: str, done: int, of: int) -> None: ...
        def waits(self, label: str, holder: str) -> None: ...
        def done(self, label: str, failures: int) -> None: ...

    first = run(config.parse(text), Store(f"{bucket}/r"), Quiet())
    assert (first.measured, first.manifest.complete) == (3, True)
    second = run(config.parse(text), Store(f"{bucket}/r"), Quiet())
    assert (second.measured, second.reused) == (0, 3)
    done = CliRunner().invoke(
        app, ["report", "--results", f"{bucket}/r", "-o", str(tmp_path / "report")]
    )
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "report" / "discrepancies.json").read_text())
    assert len(found["records"]) == 2
    assert Store(f"{bucket}/r").files.names("leases") == []


def test_what_cannot_be_reached_is_one_sentence(bucket: str) -> None:
    with pytest.raises(StoreError, match="cannot write the results folder s3://no-such-bucket-1"):
        Store("s3://no-such-bucket-1/x").prepare()
    with pytest.raises(UsageError, match="results cannot be kept at nonsense://x"):
        Store("nonsense://x")


def test_an_address_imports_fsspec_and_a_folder_does_not(tmp_path: Path) -> None:
    script = (
        "import sys; from zoodiff.store.folder import Store; Store(sys.argv[1]); "
        "print('fsspec' in sys.modules, 's3fs' in sys.modules)"
    )
    for where, expected in ((str(tmp_path), "False False"), ("memory://x", "True False")):
        done = subprocess.run(
            [sys.executable, "-c", script, where],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
            timeout=600,
        )
        assert done.stdout.strip() == expected
