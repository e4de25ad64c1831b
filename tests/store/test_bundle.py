import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.records import a_record, files, filled, manifest
from zoodiff.errors import StoreError, UsageError
from zoodiff.store.bundle import FORMAT, read_bundle, write_bundle
from zoodiff.store.folder import Store
from zoodiff.store.verify import verify

Members = list[tuple[str, bytes]]


def test_what_is_exported_arrives_to_the_byte(place: Path | str, tmp_path: Path) -> None:
    store = filled(place)
    made = write_bundle(store, tmp_path / "results.tar")
    assert (made.records, made.attachments, made.runs) == (3, 1, 1)
    other = Store(tmp_path / "other")
    found = read_bundle(other, tmp_path / "results.tar")
    assert len(found.new) == 5
    for name in found.new:
        assert other.files.read(name) == store.files.read(name)
    assert verify(other.files).problems == ()
    again = read_bundle(other, tmp_path / "results.tar")
    assert (len(again.new), len(again.known)) == (0, 5)


def test_the_same_store_gives_the_same_bytes(tmp_path: Path) -> None:
    filled(tmp_path / "a")
    for name in ("one.tar", "two.tar"):
        write_bundle(Store(tmp_path / "a"), tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        assert archive.getnames()[0] == "bundle.json"


def test_one_run_brings_its_own_records_only(tmp_path: Path) -> None:
    store = filled(tmp_path / "a")
    extra = store.put(a_record("fake:extra@w1"))
    store.write_manifest(manifest([extra], "other"))
    made = write_bundle(store, tmp_path / "x.tar", ["other"])
    assert (made.records, made.attachments, made.runs) == (1, 0, 1)
    with pytest.raises(UsageError, match='no run "nope"; there are'):
        write_bundle(store, tmp_path / "y.tar", ["nope"])


def test_a_run_with_a_damaged_record_is_not_exported(tmp_path: Path) -> None:
    store = filled(tmp_path / "a")
    files(tmp_path / "a" / "records", ".json")[0].write_bytes(b"{")
    with pytest.raises(StoreError, match="1 records of these runs are missing or damaged"):
        write_bundle(store, tmp_path / "x.tar")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_run_of_the_same_name_is_kept(tmp_path: Path) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    other = Store(tmp_path / "b")
    own = manifest([other.put(a_record("fake:mine@w1"))])
    other.write_manifest(own)
    found = read_bundle(other, tmp_path / "x.tar")
    assert found.kept == ("s",)
    assert other.read_manifest("s") == own
    assert len(list(other)) == 4


def test_a_differing_record_is_never_overwritten(tmp_path: Path) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    filled(tmp_path / "b")
    record = files(tmp_path / "b" / "records" / "architecture", ".json")[0]
    record.write_bytes(b"{")
    files(tmp_path / "b" / "records" / "accuracy", ".json")[0].unlink()
    before = {p: p.read_bytes() for p in files(tmp_path / "b", "")}
    with pytest.raises(StoreError, match=r"differs from the store.*Nothing"):
        read_bundle(Store(tmp_path / "b"), tmp_path / "x.tar")
    assert {p: p.read_bytes() for p in files(tmp_path / "b", "")} == before


# Bundles that somebody tampered with


def taken_apart(path: Path) -> Members:
    with tarfile.open(path) as archive:
        return [(m.name, archive.extractfile(m).read()) for m in archive.getmembers()[1:]]  # type: ignore[union-attr]


def put_together(path: Path, members: Members, said: Members | None = None, **more: object) -> None:
    contents = {
        "format": 1,
        "files": [
            {"name": n, "bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()}
            for n, c in (said or members)
        ],
    } | more
    with tarfile.open(path, "w") as archive:
        for name, content in [("bundle.json", json.dumps(contents).encode()), *members]:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))


def _named(members: Members, ending: str) -> int:
    return next(k for k, (name, _) in enumerate(members) if name.endswith(ending))


def _renamed(name: str) -> Callable[[Members], Members]:
    return lambda members: [(name, members[0][1]), *members[1:]]


def _edited(members: Members) -> Members:
    k = next(k for k, (name, _) in enumerate(members) if "architecture" in name)
    name, content = members[k]
    members[k] = name, content.replace(b'"macs":12', b'"macs":99')
    return members


def _other_attachment(members: Members) -> Members:
    k = _named(members, ".parquet")
    members[k] = members[k][0], b"other"
    return members


def _without_attachment(members: Members) -> Members:
    del members[_named(members, ".parquet")]
    return members


def _other_study(members: Members) -> Members:
    k = _named(members, "run.json")
    members[k] = "runs/another/run.json", members[k][1]
    return members


TRICKS = {
    "a path above the store": (_renamed("../../evil"), "which no store holds"),
    "an absolute path": (_renamed("/etc/cron.d/evil"), "which no store holds"),
    "a path in the middle": (_renamed("records/../evil.json"), "which no store holds"),
    "a path of Windows": (_renamed("records\\architecture\\x.json"), "which no store holds"),
    "a lease": (_renamed("leases/x.lock"), "which no store holds"),
    "a run's name": (_renamed("runs/../run.json"), "which no store holds"),
    "the same file twice": (lambda m: [m[0], *m], "which no store holds"),
    "another order": (lambda m: [m[-1], *m[:-1]], "is not in order"),
    "an edited record": (_edited, "does not match its hash. Nothing was imported"),
    "other predictions": (_other_attachment, "its predictions are not beside it"),
    "no predictions": (_without_attachment, "its predictions are not beside it"),
    "another study's manifest": (_other_study, "it belongs to another study"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_bundle_that_was_tampered_with_is_refused_whole(tmp_path: Path, trick: str) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    change, sentence = TRICKS[trick]
    put_together(tmp_path / "y.tar", change(taken_apart(tmp_path / "x.tar")))
    with pytest.raises(StoreError, match=sentence):
        read_bundle(Store(tmp_path / "b"), tmp_path / "y.tar")
    assert not (tmp_path / "b").exists()


def test_what_the_contents_do_not_say_is_refused(tmp_path: Path) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    members = taken_apart(tmp_path / "x.tar")
    path, other = tmp_path / "y.tar", Store(tmp_path / "b")
    put_together(path, [*members, ("records/more.json", b"{}")], said=members)
    with pytest.raises(StoreError, match="holds members that its table of contents lacks"):
        read_bundle(other, path)
    put_together(path, members[:-1], said=members)
    with pytest.raises(StoreError, match="is not whole"):
        read_bundle(other, path)
    longer = [(members[0][0], members[0][1] + b" "), *members[1:]]
    put_together(path, longer, said=members)
    with pytest.raises(StoreError, match="is not as long"):
        read_bundle(other, path)
    changed = [(members[0][0], bytes(len(members[0][1]))), *members[1:]]
    put_together(path, changed, said=members)
    with pytest.raises(StoreError, match="its hash differs"):
        read_bundle(other, path)
    put_together(path, members, format=FORMAT + 1)
    with pytest.raises(StoreError, match="newer zoodiff"):
        read_bundle(other, path)
    put_together(path, members, more=1)
    with pytest.raises(StoreError, match="no readable table of contents"):
        read_bundle(other, path)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    members = taken_apart(tmp_path / "x.tar")
    files_ = [
        {"name": n, "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()} for n, _ in members[:1]
    ]
    with tarfile.open(tmp_path / "y.tar", "w") as archive:
        raw = json.dumps({"format": 1, "files": files_}).encode()
        facts = tarfile.TarInfo("bundle.json")
        facts.size = len(raw)
        archive.addfile(facts, io.BytesIO(raw))
        link = tarfile.TarInfo(members[0][0])
        link.type, link.linkname = kind, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(StoreError, match="is missing or out of place"):
        read_bundle(Store(tmp_path / "b"), tmp_path / "y.tar")


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(10_240), b"\x1f\x8b" + bytes(100)])
def test_what_is_no_bundle_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(StoreError, match=r"cannot import|is not a bundle"):
        read_bundle(Store(tmp_path / "b"), tmp_path / "x.tar")


def test_a_bundle_that_is_cut_off_anywhere_brings_nothing(tmp_path: Path) -> None:
    write_bundle(filled(tmp_path / "a"), tmp_path / "x.tar")
    whole = (tmp_path / "x.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))
    for size in range(0, end, 211):
        (tmp_path / "y.tar").write_bytes(whole[:size])
        with pytest.raises(StoreError):
            read_bundle(Store(tmp_path / "b"), tmp_path / "y.tar")
        assert not (tmp_path / "b").exists()
