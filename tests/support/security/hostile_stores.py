"""Hostile results: records, manifests, predictions, parts, leases and bundles of somebody else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

from support.security.hostile import trick
from support.security.hostile_texts import _sparse
from support.security.records import manifest_of, record_of

_MEGABYTE = 1 << 20


def _manifest(folder: Path, content: bytes) -> Path:
    place = folder / "results" / "runs" / "s"
    place.mkdir(parents=True)
    (place / "run.json").write_bytes(content)
    return folder / "results"


def _record(folder: Path, content: bytes, kind: str = "architecture") -> Path:
    """A store with one record, whatever is in it, and a run that names it."""
    name = f"{'0' * 16}-{hashlib.sha256(content).hexdigest()[:16]}.json"
    place = folder / "results" / "records" / kind
    place.mkdir(parents=True)
    (place / name).write_bytes(content)
    return _manifest(folder, manifest_of([f"{kind}/{name}"]).to_bytes())


@trick("contained", "results")
def record_of_a_hundred_thousand_levels(folder: Path, mark: Path) -> Path:
    return _record(folder, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


@trick("contained", "results")
def record_of_five_million_lists(folder: Path, mark: Path) -> Path:
    return _record(folder, b'{"a":[' + b"[]," * 5_000_000 + b"[]]}")


@trick("contained", "results")
def record_of_four_hundred_thousand_numbers(folder: Path, mark: Path) -> Path:
    """All of it is a sound record."""
    record = record_of("latency", "a:b")
    values = record.values.model_dump() | {"round_medians_ms": [1.0] * 400_000}
    return _sound(folder, [record_of("latency", "a:b", values=values)])


@trick("contained", "results")
def record_of_a_number_that_no_float_holds(folder: Path, mark: Path) -> Path:
    values = record_of("architecture", "a:b").values.model_dump() | {"macs": 10**4_000}
    return _sound(folder, [record_of("architecture", "a:b", values=values)])


@trick("contained", "results")
def record_of_a_terabyte(folder: Path, mark: Path) -> Path:
    path = _record(folder, b"{}")
    for one in path.rglob("0*.json"):
        _sparse(one, 1 << 40)
    return path


@trick("contained", "results")
def record_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    path = _record(folder, b"{}")
    for one in path.rglob("0*.json"):
        one.unlink()
        os.mkfifo(one)
    return path


@trick("contained", "results")
def record_that_is_a_link_to_a_device(folder: Path, mark: Path) -> Path:
    path = _record(folder, b"{}")
    for one in path.rglob("0*.json"):
        one.unlink()
        one.symlink_to("/dev/zero")
    return path


@trick("contained", "results")
def manifest_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    path = _manifest(folder, b"")
    (path / "runs" / "s" / "run.json").unlink()
    os.mkfifo(path / "runs" / "s" / "run.json")
    return path


@trick("contained", "results")
def manifest_of_a_terabyte(folder: Path, mark: Path) -> Path:
    path = _manifest(folder, b"")
    _sparse(path / "runs" / "s" / "run.json", 1 << 40)
    return path


@trick("contained", "results")
def manifest_of_a_study_of_dotted_keys(folder: Path, mark: Path) -> Path:
    text = 'name = "s"\ntitle = "t"\na' + ".a" * 400_000 + " = 1\n"
    return _manifest(folder, manifest_of([], study_text=text).to_bytes())


@trick("contained", "results")
def manifest_of_a_hundred_thousand_failures(folder: Path, mark: Path) -> Path:
    failure = {"kind": "latency", "entry": "a:b", "architecture": "a", "reason": "r"}
    return _manifest(folder, manifest_of([], failures=[failure] * 100_000).to_bytes())


def _sound(folder: Path, records: list, times: int = 1, content: bytes | None = None) -> Path:
    from zoodiff.store.folder import Store

    store = Store(folder / "results")
    names = [store.put(one, content if one.kind == "accuracy" else None) for one in records]
    store.write_manifest(manifest_of(names * times))
    return folder / "results"


@trick("contained", "results")
def manifest_that_names_a_record_a_hundred_thousand_times(folder: Path, mark: Path) -> Path:
    return _sound(folder, [record_of("architecture", "a:b")], 100_000)


@trick("contained", "results")
def run_of_records_of_forty_megabytes(folder: Path, mark: Path) -> Path:
    notes = {str(k): "x" * 990_000 for k in range(10)}
    records = [record_of("architecture", f"a:{k}", conditions=notes) for k in range(4)]
    return _sound(folder, records)


@trick("contained", "results")
def run_of_a_hundred_thousand_pairs(folder: Path, mark: Path) -> Path:
    return _sound(folder, [record_of("latency", f"a:{k}") for k in range(450)])


def _predictions(rows: int, classes: int = 5) -> bytes:
    """Predictions that are nothing but repetitions."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = pa.array(np.zeros(rows, np.int32))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows * classes, np.int32)), classes)
    columns = dict.fromkeys(("image", "label", "rank", "probability", "key"), zeros)
    table = pa.table({**columns, "classes": lists, "scores": lists})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=rows)
    return buffer.getvalue()


@trick("contained", "results")
def predictions_for_ten_million_images(folder: Path, mark: Path) -> Path:
    content = _predictions(10_000_000)
    record = record_of("accuracy", "a:b", content)
    return _sound(folder, [record], content=content)


@trick("contained", "results")
def predictions_that_are_large_together(folder: Path, mark: Path) -> Path:
    content = _predictions(1_400_000, 1)
    records = [record_of("accuracy", f"a:{k}", content) for k in range(120)]
    return _sound(folder, records, content=content)


@trick("contained", "predictions")
def predictions_of_a_million_classes(folder: Path, mark: Path) -> Path:
    (folder / "a.parquet").write_bytes(_predictions(20, 1_000_000))
    return folder / "a.parquet"


@trick("contained", "predictions")
def predictions_for_a_million_images(folder: Path, mark: Path) -> Path:
    """As many as there may be."""
    (folder / "a.parquet").write_bytes(_predictions(1_500_000))
    return folder / "a.parquet"


@trick("contained", "results")
def predictions_that_are_a_pipe(folder: Path, mark: Path) -> Path:
    path = _sound(folder, [record_of("accuracy", "a:b", b"x")], content=b"x")
    for one in path.rglob("*.parquet"):
        one.unlink()
        os.mkfifo(one)
    return path


def _part(folder: Path, content: bytes) -> Path:
    (folder / "000000.npz").write_bytes(content)
    return folder / "000000.npz"


@trick("contained", "part")
def part_that_explodes(folder: Path, mark: Path) -> Path:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
        target.open("facts.npy", "w", force_zip64=True) as member,
    ):
        size = 1 << 30
        member.write(_npy(size))
        for _ in range(size >> 20):
            member.write(bytes(_MEGABYTE))
    return _part(folder, buffer.getvalue())


def _npy(size: int) -> bytes:
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()


@trick("contained", "part")
def part_that_lies_about_its_shape(folder: Path, mark: Path) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("facts.npy", _npy(1 << 40))
    return _part(folder, buffer.getvalue())


@trick("contained", "part")
def part_of_half_a_million_arrays(folder: Path, mark: Path) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for k in range(150_000):
            target.writestr(f"{k}", b"")
    return _part(folder, buffer.getvalue())


@trick("contained", "lease")
def lease_that_is_a_link(folder: Path, mark: Path) -> Path:
    """What its owner writes into it would make the mark."""
    (folder / "results" / "leases").mkdir(parents=True)
    (folder / "results" / "leases" / "task.lock").symlink_to(mark)
    return folder / "results"


@trick("contained", "lease")
def lease_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    (folder / "results" / "leases").mkdir(parents=True)
    os.mkfifo(folder / "results" / "leases" / "task.lock")
    return folder / "results"


def _bundle(folder: Path, contents: bytes, more: bytes = b"") -> Path:
    head = tarfile.TarInfo("bundle.json")
    head.size = len(contents)
    data = head.tobuf() + contents + bytes(-len(contents) % 512) + more
    (folder / "a.bundle").write_bytes(data + bytes(1024))
    return folder / "a.bundle"


def _contents(*files: tuple[str, int]) -> bytes:
    listed = [{"name": name, "bytes": size, "sha256": "0" * 64} for name, size in files]
    return json.dumps({"format": 1, "files": listed}).encode()


@trick("contained", "bundle")
def bundle_of_two_hundred_thousand_names(folder: Path, mark: Path) -> Path:
    name = "records/accuracy/0000000000000000.parquet"
    return _bundle(folder, _contents(*[(name, 0)] * 100_000))


@trick("contained", "bundle")
def bundle_whose_contents_are_lists(folder: Path, mark: Path) -> Path:
    return _bundle(folder, b'{"format":1,"files":[' + b"[]," * 5_000_000 + b"[]]}")


@trick("contained", "bundle")
def bundle_of_a_file_of_ten_gigabytes(folder: Path, mark: Path) -> Path:
    name, size = "records/accuracy/0000000000000000.parquet", 10 << 30
    member = tarfile.TarInfo(name)
    member.size = size
    path = _bundle(folder, _contents((name, size)), member.tobuf())
    data = path.read_bytes()[:-1024]
    return _sparse(path, len(data) + size + 1024, data)


@trick("contained", "bundle")
def bundle_of_a_file_as_large_as_any(folder: Path, mark: Path) -> Path:
    """Its hash is another one, which shows when all of it was read."""
    name, size = "records/accuracy/0000000000000000.parquet", 96 << 20
    member = tarfile.TarInfo(name)
    member.size = size
    path = _bundle(folder, _contents((name, size)), member.tobuf())
    data = path.read_bytes()[:-1024]
    return _sparse(path, len(data) + size + 1024, data)


@trick("contained", "bundle")
def bundle_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.bundle")
    return folder / "a.bundle"


@trick("contained", "bundle")
def bundle_that_is_a_device(folder: Path, mark: Path) -> Path:
    (folder / "a.bundle").symlink_to("/dev/zero")
    return folder / "a.bundle"


def _drawn(folder: Path, contents: list[bytes]) -> Path:
    """Results of two networks that differ, whose record names these files as their graphs."""
    from zoodiff.store.folder import Store
    from zoodiff.store.graphs import digest_of
    from zoodiff.store.records import DifferenceValues

    entries = ["a:b", "a:c"]
    described = [
        record_of("architecture", entry, fingerprint=f"zd4:{k}" * 4)
        for k, entry in enumerate(entries)
    ]
    values = DifferenceValues(
        other=entries[1],
        relation="not decided",
        sentence="not decided",
        because=[],
        of_effect=["ARC106"],
        up_to=[],
        sameness="different",
        findings=[],
        fingerprints=[None, None],
        structures=[None, None],
        graphs=[digest_of(content) for content in contents],
        seconds=0.1,
    )
    compared = described[0].model_copy(update={"values": values, "key": "f" * 64})
    path = _sound(folder, [*described, compared])
    for content in contents:
        Store(path).put_graph(content)
    return path


def _long_graph(nodes: int) -> bytes:
    """A graph of nothing but activations, one after the other."""
    tensors = {
        f"t{k}": {"name": f"t{k}", "shape": [1, 1], "dtype": "float32"} for k in range(nodes + 1)
    }
    graph = {
        "source": "s",
        "inputs": [tensors["t0"]],
        "outputs": [tensors[f"t{nodes}"]],
        "nodes": [
            {
                **{"op": "Relu", "name": f"n{k}", "inputs": [f"t{k}"], "outputs": [f"t{k + 1}"]},
                **{"attributes": {}, "parameters": [], "notes": []},
            }
            for k in range(nodes)
        ],
        "tensors": tensors,
        "unused_parameters": [],
    }
    return gzip.compress(json.dumps(graph, separators=(",", ":")).encode(), mtime=0)


@trick("contained", "results")
def graphs_that_unpack_to_gigabytes(folder: Path, mark: Path) -> Path:
    zeros, brackets = gzip.compress(bytes(1 << 30)), gzip.compress(b"[" * (2 << 20))
    return _drawn(folder, [zeros, brackets])


@trick("contained", "results")
def graphs_of_fifty_thousand_nodes(folder: Path, mark: Path) -> Path:
    """Sound, and as large as a store keeps."""
    return _drawn(folder, [_long_graph(50_000), _long_graph(50_001)])


@trick("contained", "results")
def graphs_of_nine_thousand_nodes(folder: Path, mark: Path) -> Path:
    """Sound, and as large as a report draws."""
    return _drawn(folder, [_long_graph(9_000), _long_graph(9_001)])


@trick("contained", "results")
def graph_of_a_terabyte(folder: Path, mark: Path) -> Path:
    path = _drawn(folder, [_long_graph(1), _long_graph(2)])
    for each in (path / "graphs").iterdir():
        _sparse(each, 1 << 40)
    return path
