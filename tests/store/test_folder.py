import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.interpreters import with_tests
from support.records import a_record
from zoodiff.errors import StoreError
from zoodiff.results import Interval
from zoodiff.store.files import write_atomically
from zoodiff.store.folder import Store
from zoodiff.store.records import (
    AccuracyValues,
    attachment_name,
    key_of,
    read_record,
)
from zoodiff.store.self_hashed import DamagedError


def test_a_record_is_found_by_what_was_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = a_record()
    name = store.put(record)
    assert store.find("architecture", record.key) == record
    assert store.get(name) == record
    assert store.name_of(record) == name
    assert list(store) == [record]
    assert store.find("architecture", key_of(other=1)) is None
    assert store.damaged == []


def test_the_newest_of_several_answers_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = a_record()
    new = a_record(parameters=13, finished="2026-01-02T00:00:00+00:00")
    store.put(new)
    store.put(old)
    assert store.find("architecture", old.key) == new


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: raw.replace(b'"parameters":12', b'"parameters":99'),
        lambda raw: b"\x00\xff" + raw,
        lambda raw: b"[]",
        lambda raw: b"[" * 100_000,
        lambda raw: raw.replace(b'"sha256":"', b'"sha256":"0', 1),
        lambda raw: raw.replace(b":", b": ", 1),
        lambda raw: bytes(len(raw)),
        lambda raw: raw[:-1] + b',"extra":1}',
    ],
)
def test_a_damaged_record_is_named_and_set_aside(tmp_path: Path, damage) -> None:
    store = Store(tmp_path)
    record = a_record()
    path = store.records_folder / store.put(record)
    path.write_bytes(damage(path.read_bytes()))
    assert store.find("architecture", record.key) is None
    assert path.name in store.damaged[0]
    assert (tmp_path / "set-aside" / path.name).exists()
    assert not path.exists()


def test_a_record_of_a_newer_zoodiff_is_refused_and_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = a_record(schema_version=99)
    store.put(record)
    with pytest.raises(StoreError, match="newer zoodiff"):
        store.find("architecture", record.key)


def test_a_record_carries_its_own_hash(tmp_path: Path) -> None:
    record = a_record()
    found = json.loads(record.to_bytes())
    own = found.pop("sha256")
    plain = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert own == hashlib.sha256(plain.encode()).hexdigest() == record.digest
    # An edit that mends the hash inside no longer fits the name.
    edited = found | {"entry": "fake:other@w1"}
    plain = json.dumps(edited, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    edited["sha256"] = hashlib.sha256(plain.encode()).hexdigest()
    with pytest.raises(DamagedError, match="does not match its hash"):
        read_record(json.dumps(edited, sort_keys=True).encode(), record.file_name)


def test_a_record_of_version_1_is_read_and_keeps_its_name(tmp_path: Path) -> None:
    """As zoodiff wrote them before records carried their hash: the name alone holds it."""
    plain = a_record(schema_version=1).model_dump(mode="json")
    raw = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    name = f"{plain['key'][:16]}-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    place = tmp_path / "records" / "architecture"
    place.mkdir(parents=True)
    (place / name).write_bytes(raw)
    store = Store(tmp_path)
    (record,) = store
    assert record == a_record(schema_version=1)
    assert store.name_of(record) == f"architecture/{name}"
    assert store.find("architecture", plain["key"]) == record
    (place / name).write_bytes(raw.replace(b'"parameters":12', b'"parameters":13'))
    assert Store(tmp_path).find("architecture", plain["key"]) is None


def test_a_record_with_fewer_fields_keeps_the_name_that_it_was_written_under(
    tmp_path: Path,
) -> None:
    """A field that came later has a default; what was hashed is what lies there."""
    plain = a_record(schema_version=1).model_dump(mode="json")
    del plain["fingerprint"]
    raw = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    name = f"{plain['key'][:16]}-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    place = tmp_path / "records" / "architecture"
    place.mkdir(parents=True)
    (place / name).write_bytes(raw)
    store = Store(tmp_path)
    (record,) = store
    assert store.name_of(record) == f"architecture/{name}"
    assert store.get(store.name_of(record)) == record


def test_an_intact_record_of_another_format_is_left_where_it_is(tmp_path: Path) -> None:
    plain = a_record(schema_version=1).model_dump(mode="json")
    plain["values"]["since_removed"] = 1
    raw = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    name = f"{plain['key'][:16]}-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    place = tmp_path / "records" / "architecture"
    place.mkdir(parents=True)
    (place / name).write_bytes(raw)
    store = Store(tmp_path)
    assert list(store) == []
    assert store.damaged == []
    assert (place / name).exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "architecture/../../x.json", "/x", ""])
def test_a_name_outside_the_store_is_no_record(tmp_path: Path, name: str) -> None:
    assert Store(tmp_path).get(name) is None


def test_a_damaged_record_in_a_place_that_cannot_be_written_is_said_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    path = store.records_folder / store.put(a_record())
    path.write_bytes(b"{")

    def refuse(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(store.files, "move", refuse)
    assert store.find("architecture", a_record().key) is None
    assert "is not used because it is not whole" in store.damaged[0]
    assert path.exists()


@pytest.mark.parametrize("damage", [None, b"", b"other"])
def test_a_record_whose_predictions_are_damaged_is_set_aside_with_them(
    tmp_path: Path, damage: bytes | None
) -> None:
    content = b"predictions"
    some = Interval(value=50, low=40, high=60)
    base = a_record()
    values = AccuracyValues(
        top1=some,
        top5=some,
        images=1,
        predictions_file=attachment_name(base.key, content),
        predictions_sha256=hashlib.sha256(content).hexdigest(),
        seconds=1.0,
    )
    record = base.model_copy(update={"values": values})
    store = Store(tmp_path)
    store.put(record, content)
    assert store.intact(record)
    (path,) = tmp_path.rglob("*.parquet")
    path.unlink() if damage is None else path.write_bytes(damage)
    assert not store.intact(record)
    assert store.find("accuracy", record.key) is None
    assert [p for p in (tmp_path / "records").rglob("*") if p.is_file()] == []
    assert len(list((tmp_path / "set-aside").iterdir())) == (1 if damage is None else 2)


def test_other_processes_records_are_seen_when_looked_for_again(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Store(tmp_path)
    record = a_record()
    assert store.find("architecture", record.key) is None
    other.put(record)
    assert store.find("architecture", record.key) is None
    assert store.find("architecture", record.key, again=True) == record


def test_a_failing_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file.json"
    write_atomically(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]


def test_a_full_folder_is_one_sentence_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*--results"):
        Store(tmp_path).put(a_record())


def test_a_results_path_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(StoreError, match="cannot write the results folder"):
        Store(tmp_path / "results").prepare()


def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path).prepare()


def test_kill_while_writing_leaves_whole_records_only(tmp_path: Path) -> None:
    """A process that is killed at some moment of writing many records: each is whole or absent."""
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from support.records import a_record
        from zoodiff.store.folder import Store
        store = Store(Path({str(tmp_path)!r}))
        print("ready", flush=True)
        for number in range(100_000):
            store.put(a_record(entry=f"fake:{{number}}", parameters=number))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=with_tests()
    )
    assert process.stdout is not None
    process.stdout.readline()
    while len(list((tmp_path / "records").glob("*/*.json"))) < 20:
        assert process.poll() is None
    process.kill()
    process.wait()
    store = Store(tmp_path)
    assert len(list(store)) >= 20
    assert store.damaged == []
