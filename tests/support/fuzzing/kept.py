"""What a store keeps, and what a worker says: records, manifests, parts, frames, arrays, graphs."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.fuzzing.mutations import archive, bytes_, json_
from support.fuzzing.target import Target, fresh, scratch
from zoodiff.errors import WorkerError
from zoodiff.workers.exchange import Incoming, outgoing
from zoodiff.workers.protocol import ProtocolError


def _attached(entry: str, content: bytes | None = None) -> str:
    from zoodiff.store.records import attachment_name, key_of

    return attachment_name(key_of(kind="accuracy", entry=entry), content or predictions_bytes())


def _finding() -> dict[str, Any]:
    texts = dict.fromkeys(("name", "effect", "left", "right", "noun", "places"), "text")
    return texts | {"code": "ARC101", "has_effect": True, "count": 2}


def record_of(kind: str, entry: str, **changes: Any) -> Any:
    """A valid record."""
    from zoodiff.store.records import Record, key_of

    one = {"value": 70.0, "low": 69.0, "high": 71.0}
    values: dict[str, Any] = {
        "architecture": dict.fromkeys(
            (
                *("parameters", "statistics", "unused_parameters", "macs", "convolutions"),
                *("normalisations", "linear_layers", "nodes", "opaque_nodes"),
                *("framework_parameters", "framework_statistics", "peak_rss_bytes", "seconds"),
            ),
            3,
        )
        | {"input_shape": [1, 3, 8, 8], "output_shape": [1, 4], "softmax_inside": False}
        | {"preprocessing_inside": False, "preprocessing_ops": []},
        "latency": {"median_ms": one, "p10_ms": 60.0, "p90_ms": 80.0, "calls": 9, "group": "g"}
        | {"round_medians_ms": [69.0, 70.0, 71.5]},
        "accuracy": {"top1": one, "top5": one, "images": 3, "predictions_file": _attached(entry)}
        | {"predictions_sha256": hashlib.sha256(predictions_bytes()).hexdigest(), "seconds": 1.0},
        "difference": {"other": "keras:ResNet50", "relation": "not decided", "sentence": "s"}
        | {"because": [], "of_effect": ["ARC101"], "up_to": [], "sameness": "different"}
        | {"findings": [_finding()], "fingerprints": ["zd2:1", None], "structures": [None, None]}
        | {"seconds": 0.1},
    }
    fields: dict[str, Any] = {
        "key": key_of(kind=kind, entry=entry),
        "entry": entry,
        "zoo": "torchvision",
        "model": "resnet18",
        "architecture": "resnet18",
        "weights": {"name": "w1", "state": "published"},
        "preprocessing": {"input_size": [8, 8], "resize": 9, "resize_policy": "short_side"},
        "labels": "imagenet-1k",
        "conditions": {"data_sha256": "d", "data": "images", "batch": 1, "threads": 1, "seed": 0},
        "versions": {"numpy": "2"},
        "hardware": {"processor": "p", "cores": 2, "memory_bytes": 1, "system": "s"},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:01+00:00",
        "values": values[kind] | {"kind": kind},
    }
    return Record.model_validate(fields | changes)


def manifest_of(records: Sequence[str]) -> Any:
    """A valid manifest of a run."""
    from zoodiff.store.manifest import Manifest

    return Manifest.model_validate(
        {
            "study": "s",
            "title": "t",
            "study_sha256": "0" * 64,
            "study_text": 'name = "s"\ntitle = "t"\n[architecture]\nentries = ["a:b"]\n',
            "started": "2026-01-01T00:00:00+00:00",
            "updated": "2026-01-01T00:00:01+00:00",
            "complete": True,
            "records": list(records),
            "failures": [
                {"kind": "latency", "entry": "a:b", "architecture": None, "reason": "none"}
            ],
            "planned": 2,
            "zoodiff_version": "0.1",
            "hardware": {"processor": "p", "cores": 2, "memory_bytes": 1, "system": "s"},
            "versions": {"a": {"b": "1"}},
            "options": {},
        }
    )


def _reported(store: Any, manifest: Any) -> None:
    from zoodiff.report import render
    from zoodiff.report.exports import discrepancies
    from zoodiff.report.page import page
    from zoodiff.study.assemble import assemble

    result = assemble(store, manifest)
    printed = page(result)
    render.to_html(printed)
    render.to_markdown(printed)
    discrepancies.to_csv(result)
    discrepancies.to_json(result)


def record(data: bytes) -> None:
    """A record under a name of its own hash, beside two others, and the report of all three."""
    from zoodiff.store.folder import Store
    from zoodiff.store.records import Record
    from zoodiff.store.self_hashed import HASH_KEY, parsed

    store = Store(fresh("results"))
    named = ["architecture/0000000000000000-0000000000000000.json"]
    with contextlib.suppress(Exception):
        # Otherwise the hashes in the file and in its name keep everything out that was changed.
        content = {key: value for key, value in parsed(data).items() if key != HASH_KEY}
        file, data = Record.model_validate(content).named_bytes()
        named = [f"{content['values']['kind']}/{file}"]
    for name in named:
        path = store.records_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for kind in ("architecture", "difference", "latency", "accuracy"):
        other = record_of(kind, "keras:ResNet50")
        attached = predictions_bytes() if kind == "accuracy" else None
        named.append(store.put(other, attached))
    read = store.get(named[0])
    if read is not None:
        assert store.find(read.kind, read.key) is not None
    list(store)
    _reported(store, manifest_of(named))


def record_seeds() -> Sequence[bytes]:
    found: list[bytes] = []
    for kind in ("architecture", "difference", "latency", "accuracy"):
        found.append(record_of(kind, "torchvision:resnet18@w1").to_bytes())
    return found


def manifest(data: bytes) -> None:
    """A manifest, and the report of its run."""
    from zoodiff.store.folder import Store, manifest_name
    from zoodiff.store.self_hashed import HASH_KEY, parsed, self_hashed

    store = Store(fresh("results"))
    for kind in ("architecture", "difference", "latency", "accuracy"):
        one = record_of(kind, "torchvision:resnet18@w1")
        store.put(one, predictions_bytes() if kind == "accuracy" else None)
    with contextlib.suppress(Exception):
        # Otherwise its hash keeps everything out that was changed.
        content = {key: value for key, value in parsed(data).items() if key != HASH_KEY}
        data = json.dumps(self_hashed(content)).encode()
    store.files.write(manifest_name("s"), data)
    assert store.runs() == ["s"]
    read = store.read_manifest("s")
    if read is not None:
        _reported(store, read)


@functools.cache
def manifest_seeds() -> Sequence[bytes]:
    from zoodiff.store.folder import Store

    store = Store(scratch())
    names = [
        store.name_of(record_of(kind, "torchvision:resnet18@w1"))
        for kind in ("architecture", "difference", "latency", "accuracy")
    ]
    return [manifest_of(names).to_bytes()]


@functools.cache
def predictions_bytes() -> bytes:
    """The predictions of three images."""
    import numpy as np

    from zoodiff.accuracy.predictions import Predictions, Stored, to_parquet

    return to_parquet(
        Stored(
            Predictions(
                np.array([[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [2, 0, 1, 3, 4]], dtype=np.int32),
                np.array([[0.6, 0.1, 0.1, 0.1, 0.1]] * 3, dtype=np.float32),
                np.array([1, 1, 2], dtype=np.int32),
                np.array([0.6, 0.6, 0.1], dtype=np.float32),
            ),
            np.arange(3, dtype=np.int32),
            np.array([0, 1, 0], dtype=np.int64),
            np.arange(3, dtype=np.uint64),
        )
    )


def predictions(data: bytes) -> None:
    """The predictions of a record that has their hash, compared with those of another."""
    from zoodiff.accuracy.comparison import compare
    from zoodiff.store.folder import Store

    store = Store(fresh("results"))
    digest = hashlib.sha256(data).hexdigest()
    values = record_of("accuracy", "torchvision:resnet18@w1").values
    mine = record_of(
        "accuracy",
        "torchvision:resnet18@w1",
        values=values.model_dump()
        | {"predictions_sha256": digest}
        | {"predictions_file": _attached("torchvision:resnet18@w1", data or b"\0")},
    )
    other = record_of("accuracy", "keras:ResNet50")
    names = [store.put(mine, data), store.put(other, predictions_bytes())]
    compare([mine, other], store)
    _reported(store, manifest_of(names))


def part(data: bytes) -> None:
    """A finished part of a pass over a data set: one that is not whole counts as missing."""
    from zoodiff.accuracy.checkpoints import Parts
    from zoodiff.store.files import LocalFiles

    folder = fresh("parts")
    (folder / "000003.npz").write_bytes(data)
    parts = Parts(LocalFiles(folder.parent), "parts")
    if parts.has(3):
        found = parts.get(3)
        assert all(len(one) == len(found.images) for one in found.predictions.values())


def part_seeds() -> Sequence[bytes]:
    import numpy as np

    from zoodiff.accuracy.checkpoints import Part, Parts
    from zoodiff.accuracy.predictions import from_parquet
    from zoodiff.store.files import LocalFiles

    folder = fresh("part")
    found = from_parquet(predictions_bytes()).predictions
    labels = np.array([0, 1, 0], dtype=np.int64)
    made = Part(3, [0, 1, 3], labels, [bytes(32)] * 4, {2: "damaged"}, {"a:b": found})
    Parts(LocalFiles(folder.parent), "part").put(made)
    return [(folder / "000003.npz").read_bytes()]


class _Said:
    """A process that has said something and ended."""

    pid = 0

    def wait(self, timeout: float | None = None) -> int:
        return 0


def _worker(read: Callable[[int], bytes]) -> Any:
    """A worker whose process is not there and whose pipe holds some bytes."""
    from zoodiff.workers.process import Worker
    from zoodiff.zoos import registry

    class Fed(Worker):
        def _start(self) -> None:
            self._process = _Said()  # type: ignore[assignment]
            self._requests = 0

        def _write(self, frame: bytes, deadline: float, doing: str) -> None:
            self.asked = frame

        def _exactly(self, size: int, deadline: float, doing: str) -> bytes:
            return read(size)

        def _kill(self) -> None:
            self._process = None

    return Fed(registry.find_zoo("torchvision").worker)


def frames(data: bytes) -> None:
    """What comes through the pipe of a worker."""
    rest = io.BytesIO(data)

    def read(size: int) -> bytes:
        found = rest.read(size)
        if len(found) < size:
            raise EOFError
        return found

    with _worker(read) as worker:
        while rest.tell() < len(data):
            worker.call("describe", doing="describing it")


def frames_seeds() -> Sequence[bytes]:
    def framed(value: Any) -> bytes:
        body = json.dumps(value).encode()
        return struct.pack(">I", len(body)) + body

    wrong = {"kind": "MeasurementError", "message": "m"}
    odd = {"kind": "Unexpected", "message": "m", "traceback": "t"}
    return [
        framed({"id": 1, "result": {"a": 1}}) + framed({"id": 2, "result": None}),
        framed({"id": 1, "error": wrong}),
        framed({"id": 1, "error": odd}),
    ]


def frame(data: bytes, random: Any) -> bytes:
    """One change of a frame's body, whose length is written anew."""
    if random.random() < 0.2 or len(data) < 5:
        return bytes_(data, random)
    size = int.from_bytes(data[:4], "big")
    body = json_(data[4 : 4 + size], random)
    return struct.pack(">I", len(body) % 2**32) + body + data[4 + size :]


def _answering(answer: Any) -> Any:
    """An engine whose only worker gives this answer to every question."""
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.workers.client import WorkerClient

    class Answerer(WorkerClient):
        def ask(self, method: str, /, **_: Any) -> Any:
            return lambda: {"versions": {"a": "1"}} if method == "hello" else answer

    class Answering(WorkerPool):
        def worker(self, spec: Any, role: str = "run", **_: Any) -> Any:
            return Answerer(spec)

    return Answering()


def answers(data: bytes) -> None:
    """A worker's description of a network, counted, brought to one form and compared."""
    from zoodiff.architecture import describe as architecture
    from zoodiff.architecture.diff import diff
    from zoodiff.errors import UsageError
    from zoodiff.graph.canonical import canonical
    from zoodiff.graph.fingerprint import fingerprint
    from zoodiff.zoos import registry

    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("not JSON") from None
    entry = registry.resolve("torchvision:resnet18")
    engine = _answering(answer)
    architecture.measure(engine, entry, "0" * 64).to_bytes()
    graph = architecture.describe(engine, entry)[0]
    fingerprint(graph)
    diff(canonical(graph), canonical(graph), "a", "b")


def answers_seeds() -> Sequence[bytes]:
    from support.fuzzing.onnx_files import small_graphs

    return [
        json.dumps(
            {
                "graph": graph.to_dict(),
                "facts": {"parameters": 3, "statistics": 0},
                "seconds": 0.1,
                "peak_rss_bytes": 1,
            }
        ).encode()
        for graph in small_graphs()
    ]


def array(data: bytes) -> None:
    """An array that a worker wrote, of the length that it says or another."""
    with _taking() as (incoming, write):
        write("1.array", data)
        found = incoming.array({"$array": "1.array", "dtype": "<f4", "shape": [len(data) // 4]})
        assert found.nbytes == len(data)
        found.tobytes()


def array_seeds() -> Sequence[bytes]:
    return [bytes(24), bytes(5), b""]


@contextlib.contextmanager
def _taking() -> Iterator[tuple[Incoming, Callable[[str, bytes], object]]]:
    """A worker's folder, and what writes into it as the worker does."""
    incoming = Incoming("fuzz")
    try:
        with _as_worker_error():
            yield incoming, lambda name, data: (incoming.path / name).write_bytes(data)
    finally:
        incoming.close()


@contextlib.contextmanager
def _as_worker_error() -> Iterator[None]:
    """As ``Worker`` says what is no array."""
    try:
        yield
    except ProtocolError as error:
        raise WorkerError(str(error)) from None


def references(data: bytes) -> None:
    """What a worker says stands for an array, and for one that goes to other workers."""
    from zoodiff.errors import UsageError

    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError("not JSON") from None
    with _taking() as (incoming, write):
        write("1.array", bytes(24))
        outgoing().remove(incoming.pass_on(message))
        write("1.array", bytes(24))
        incoming.array(message)


def references_seeds() -> Sequence[bytes]:
    return [b'{"$array": "1.array", "dtype": "<f4", "shape": [2, 3]}']


TARGETS = (
    Target("record", record, record_seeds, json_, examples=15),
    Target("manifest", manifest, manifest_seeds, json_, examples=15),
    Target(
        *("predictions", predictions, lambda: [predictions_bytes()]),
        contained="pyarrow",
        examples=15,
    ),
    Target("part", part, part_seeds, archive({"": bytes_})),
    Target("frames", frames, frames_seeds, frame),
    Target("answers", answers, answers_seeds, json_, ("onnx",)),
    Target("array", array, array_seeds),
    Target("array_reference", references, references_seeds, json_),
)
