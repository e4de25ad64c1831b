"""The graphs that records name: kept, checked, exported and removed with their records."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from support.records import a_record, files, manifest
from support.small import Draft
from zoodiff.errors import StoreError
from zoodiff.graph.ir import Graph
from zoodiff.store import graphs
from zoodiff.store.bundle import read_bundle, write_bundle
from zoodiff.store.collect import remove, waste
from zoodiff.store.folder import Store
from zoodiff.store.records import DifferenceValues, Record, key_of
from zoodiff.store.verify import verify


def graph(kernel: int) -> Graph:
    draft = Draft()
    draft.add("Relu", draft.conv("x", kernel=kernel))
    return draft.graph()


def packed(kernel: int) -> bytes:
    content = graphs.packed(graph(kernel))
    assert content is not None
    return content


def difference(digests: list[str], entry: str = "fake:small@w1") -> Record:
    values = DifferenceValues(
        other="fake:wide@w1",
        relation="not decided",
        sentence="",
        because=[],
        of_effect=["ARC106"],
        up_to=[],
        sameness="different",
        findings=[],
        fingerprints=[None, None],
        structures=[None, None],
        graphs=digests,
        seconds=0.1,
    )
    return a_record(entry, key=key_of(kind="difference", entry=entry), values=values)


def with_a_difference(where: Path | str) -> Store:
    """A record that names two graphs, and a run that names the record."""
    store = Store(where)
    names = [store.put_graph(packed(kernel)) for kernel in (1, 3)]
    store.write_manifest(manifest([store.put(difference(names))]))
    return store


def test_a_graph_comes_back_as_it_was(place: Path | str) -> None:
    store = with_a_difference(place)
    (record,) = store
    assert [Store(place).read_graph(name) for name in record.graphs] == [graph(1), graph(3)]


def test_the_same_graph_is_one_file(tmp_path: Path) -> None:
    assert packed(3) == packed(3)
    store = Store(tmp_path)
    assert store.put_graph(packed(3)) == store.put_graph(packed(3))
    assert len(files(tmp_path / "graphs", "")) == 1


def test_graphs_that_are_too_large_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, value in (("LARGEST", 100), ("_LARGEST_TEXT", 100), ("_MOST_VALUES", 10)):
        with monkeypatch.context() as patched:
            patched.setattr(graphs, limit, value)
            assert graphs.packed(graph(3)) is None


def _broken(change: str) -> bytes:
    plain = json.loads(json.dumps(graph(3).to_dict()))
    if change == "an edge that leads nowhere":
        plain["nodes"][0]["inputs"] = ["nowhere"]
    elif change == "a node against its schema":
        plain["nodes"][0]["attributes"]["strides"] = "wide"
    elif change == "a missing field":
        del plain["tensors"]
    elif change == "a list":
        plain = [plain]
    else:
        plain["nodes"][0]["name"] = 7
    return gzip.compress(json.dumps(plain).encode())


@pytest.mark.parametrize(
    "content",
    [
        *map(
            _broken,
            (
                *("an edge that leads nowhere", "a node against its schema", "a missing field"),
                *("a list", "a number for a name"),
            ),
        ),
        b"",
        b"no gzip",
        packed(3)[:-20],
        gzip.compress(b"{"),
        gzip.compress(b"[" * 100_000 + b"]" * 100_000),
        gzip.compress(b" " * ((16 << 20) + 1)),
        gzip.compress(b"[" + b"[]," * 600_000 + b"[]]"),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_graph_is_refused_whatever_its_name(
    tmp_path: Path, content: bytes
) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="cannot be read"):
        store.read_graph(store.put_graph(content))


def test_a_graph_of_another_name_is_refused(tmp_path: Path) -> None:
    store = with_a_difference(tmp_path)
    first, second = files(tmp_path / "graphs", "")
    first.write_bytes(second.read_bytes())
    with pytest.raises(StoreError, match="does not match its name"):
        store.read_graph(first.name.partition(".")[0])


@pytest.mark.parametrize("name", ["../../etc/passwd", "0" * 63, "G" * 64, ""])
def test_a_record_names_graphs_by_their_hash_alone(name: str) -> None:
    with pytest.raises(ValueError, match="graphs"):
        DifferenceValues.model_validate(difference([]).values.model_dump() | {"graphs": [name]})


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_record_without_its_graph_is_found_and_not_used(tmp_path: Path, harm: str) -> None:
    with_a_difference(tmp_path)
    file = files(tmp_path / "graphs", "")[0]
    if harm == "damaged":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.unlink()
    (problem,) = verify(Store(tmp_path).files).problems
    assert (problem.name, problem.fault) == (f"graphs/{file.name}", harm)
    store = Store(tmp_path)
    (record,) = store
    assert not store.intact(record)
    assert list(store) == []
    assert any("a graph that it names is missing or damaged" in line for line in store.damaged)


def test_verifying_counts_graphs_and_sees_those_without_a_record(tmp_path: Path) -> None:
    store = with_a_difference(tmp_path)
    assert verify(store.files).graphs == 2
    name = store.put_graph(packed(5))
    (tmp_path / graphs.file_name(name)).write_bytes(b"x")
    (problem,) = verify(store.files).problems
    assert (problem.name, problem.fault) == (graphs.file_name(name), "damaged")


def test_a_bundle_brings_the_graphs_of_its_records(place: Path | str, tmp_path: Path) -> None:
    store = with_a_difference(place)
    store.put_graph(packed(5))
    exported = write_bundle(store, tmp_path / "x.tar")
    assert (exported.records, exported.graphs, exported.runs) == (1, 2, 1)
    other = Store(tmp_path / "other")
    assert len(read_bundle(other, tmp_path / "x.tar").new) == 4
    checked = verify(other.files)
    assert (checked.graphs, checked.problems) == (2, ())


def test_a_record_without_its_graph_is_not_exported(tmp_path: Path) -> None:
    with_a_difference(tmp_path / "a")
    files(tmp_path / "a" / "graphs", "")[0].unlink()
    with pytest.raises(StoreError, match="1 records of these runs are missing or damaged"):
        write_bundle(Store(tmp_path / "a"), tmp_path / "x.tar")


@pytest.mark.parametrize(
    ("left_out", "content", "why"),
    [
        (0, None, "the graphs that it names are not beside it"),
        (None, b"other bytes", "its content does not match its name"),
    ],
)
def test_a_bundle_with_other_graphs_is_refused_as_a_whole(
    tmp_path: Path, left_out: int | None, content: bytes | None, why: str
) -> None:
    write_bundle(with_a_difference(tmp_path / "a"), tmp_path / "x.tar")
    rebuilt(tmp_path / "x.tar", left_out, content)
    with pytest.raises(StoreError, match=why):
        read_bundle(Store(tmp_path / "b"), tmp_path / "x.tar")
    assert not (tmp_path / "b").exists()


def rebuilt(bundle: Path, left_out: int | None, content: bytes | None) -> None:
    """Write a bundle again with a right table of contents, without a member or with other bytes."""
    import hashlib
    import io

    with tarfile.open(bundle) as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive][1:]  # type: ignore[union-attr]
    if left_out is not None:
        del members[left_out]
    if content is not None:
        members[0] = (members[0][0], content)
    listed = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members
    ]
    head = json.dumps({"format": 2, "files": listed}).encode()
    with tarfile.open(bundle, "w") as archive:
        for name, data in (("bundle.json", head), *members):
            facts = tarfile.TarInfo(name)
            facts.size = len(data)
            archive.addfile(facts, io.BytesIO(data))


def test_a_bundle_without_graphs_is_one_that_older_versions_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "a")
    store.write_manifest(manifest([store.put(difference([]))]))
    write_bundle(store, tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as archive:
        head = archive.extractfile("bundle.json")
        assert head is not None
        assert json.loads(head.read())["format"] == 1


def test_graphs_go_with_the_last_record_that_names_them(tmp_path: Path) -> None:
    store = with_a_difference(tmp_path)
    shared, own = store.put_graph(packed(1)), store.put_graph(packed(5))
    store.put(difference([shared, own], "fake:old@w1"))
    later = 2e9
    assert waste(store, older=0, now=later) == []
    replaced = waste(store, older=0, unnamed=True, now=later)
    assert {file.name for file in replaced if not file.name.startswith("records/")} == {
        graphs.file_name(own)
    }
    remove(store, replaced)
    assert verify(store.files).problems == ()
    lone = store.put_graph(packed(7))
    (file,) = waste(store, older=0, now=later)
    assert (file.name, file.why) == (graphs.file_name(lone), "graph without record")
    assert waste(store, older=3600) == []
