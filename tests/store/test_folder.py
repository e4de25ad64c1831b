import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from zoodiff.errors import StoreError
from zoodiff.store.files import write_atomically
from zoodiff.store.folder import Store
from zoodiff.store.records import (
    ArchitectureValues,
    Hardware,
    Record,
    WeightsInfo,
    key_of,
)


def a_record(entry: str = "fake:small@w1", parameters: int = 12, **changes: object) -> Record:
    values = ArchitectureValues(
        parameters=parameters,
        statistics=0,
        unused_parameters=0,
        macs=12,
        convolutions=0,
        normalisations=0,
        linear_layers=1,
        nodes=1,
        opaque_nodes=0,
        input_shape=[1, 3],
        output_shape=[1, 4],
        softmax_inside=False,
        preprocessing_inside=False,
        preprocessing_ops=[],
        framework_parameters=parameters,
        framework_statistics=0,
        peak_rss_bytes=1,
        seconds=0.1,
    )
    fields: dict[str, object] = {
        "key": key_of(kind="architecture", entry=entry),
        "entry": entry,
        "zoo": "fake",
        "model": "small",
        "architecture": "small_net",
        "weights": WeightsInfo(name="w1", state="none"),
        "preprocessing": {},
        "labels": "imagenet-1k",
        "conditions": {},
        "versions": {"numpy": "2"},
        "hardware": Hardware(processor="p", cores=2, memory_bytes=1, system="s"),
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:01+00:00",
        "values": values,
    }
    return Record.model_validate(fields | changes)


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
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_folder import a_record
        from zoodiff.store.folder import Store
        store = Store(Path({str(tmp_path)!r}))
        print("ready", flush=True)
        for number in range(100_000):
            store.put(a_record(entry=f"fake:{{number}}", parameters=number))
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    while len(list((tmp_path / "records").glob("*/*.json"))) < 20:
        assert process.poll() is None
    process.kill()
    process.wait()
    store = Store(tmp_path)
    assert len(list(store)) >= 20
    assert store.damaged == []
