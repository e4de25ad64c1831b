"""How a command's own process opens what somebody else made; all of it is used once before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process with threads is not forked well

import numpy as np

from zoodiff.accuracy import predictions as parsing
from zoodiff.accuracy.checkpoints import Part, Parts, to_bytes
from zoodiff.accuracy.encoded import EncodedImages
from zoodiff.accuracy.predictions import Predictions, Stored, from_parquet, to_parquet
from zoodiff.data import labels
from zoodiff.data.layouts import open_images
from zoodiff.data.places import place
from zoodiff.errors import ZoodiffError
from zoodiff.report import write
from zoodiff.store.bundle import read_bundle, write_bundle
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.store.leases import LocalLeases
from zoodiff.store.verify import verify
from zoodiff.study.assemble import assemble
from zoodiff.study.config import load_study
from zoodiff.workers import permissions
from zoodiff.zoos import registry


def images(path: Path, truth: Path | None = None) -> None:
    """List a data set and read all of its images, as an evaluation does on two cores."""
    found = open_images(str(path), truth=truth)
    failed: dict[int, str] = {}
    reader = EncodedImages(found, 2)
    count = 0
    for begin in range(0, len(found), 64):
        numbers = range(begin, min(begin + 64, len(found)))
        for piece in reader.pieces(numbers, failed):
            count += len(piece)
            b"".join(piece)
    assert count == len(found)
    if failed:
        number, why = next(iter(failed.items()))
        raise ZoodiffError(f"{found.samples[number].name}: {why}")


def truth(path: Path) -> None:
    """A file with the labels of the images beside it."""
    images(path.parent, place(str(path)))


def file(path: Path) -> None:
    """A model's file, as far as the parent looks at it."""
    entry = registry.resolve(str(path))
    assert entry.stamp  # type: ignore[attr-defined]


def study(path: Path) -> None:
    """A study's file."""
    load_study(str(path))


def results(path: Path) -> None:
    """Somebody else's results: looked through, and the report of the latest run."""
    store = Store(path)
    problems = verify(store.files).problems
    list(store)
    for run in store.runs():
        manifest = store.read_manifest(run)
        if manifest is not None:
            with tempfile.TemporaryDirectory() as folder:
                write(assemble(store, manifest), Path(folder), store)
    if problems or store.damaged:
        said = [*store.damaged, *(f"{one.name} is {one.fault}: {one.why}" for one in problems)]
        raise ZoodiffError(said[0])


def bundle(path: Path) -> None:
    """A bundle of results, imported into an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        read_bundle(Store(Path(folder) / "results"), path)


def predictions(path: Path) -> None:
    """A file of per-image predictions."""
    from_parquet(LocalFiles(path.parent).read(path.name))


def part(path: Path) -> None:
    """What a killed run left of a pass over images: damage counts as missing."""
    parts = Parts(LocalFiles(path.parent), ".")
    if not parts.has(0):
        raise ZoodiffError("the part is damaged, and is done again")


def lease(path: Path) -> None:
    """The lock of a task, in somebody else's results."""
    leases = LocalLeases(path)
    assert leases.holder("task")
    taken = leases.take("task")
    if taken is not None:
        taken.release()


def label_file(path: Path) -> None:
    """A file with one class a line."""
    labels.find(str(path))


def permission(path: Path) -> None:
    """A file whose code is allowed."""
    os.environ["ZOODIFF_HOME"] = str(path.parent / "home")
    permissions.allow(path)


HOW: dict[str, Callable[[Path], None]] = {
    "images": images,
    "truth": truth,
    "file": file,
    "study": study,
    "results": results,
    "bundle": bundle,
    "predictions": predictions,
    "part": part,
    "lease": lease,
    "labels": label_file,
    "permission": permission,
}


def some_predictions(count: int = 3) -> Stored:
    """Predictions of some images."""
    found = Predictions(
        np.tile(np.arange(5, dtype=np.int32), (count, 1)),
        np.full((count, 5), 0.2, np.float32),
        np.ones(count, np.int32),
        np.full(count, 0.2, np.float32),
    )
    numbers = np.arange(count, dtype=np.int32)
    return Stored(found, numbers, numbers.astype(np.int64), numbers.astype(np.uint64))


def some_part() -> Part:
    """What all entries said to some images."""
    stored = some_predictions()
    hashes = [bytes([k]) * 32 for k in range(3)]
    return Part(0, [0, 1, 2], stored.labels, hashes, {}, {"a": stored.predictions})


def some_results(folder: Path) -> Store:
    """A store with a record of each kind and a run of them."""
    from support.security.records import manifest_of, record_of

    store = Store(folder)
    names = []
    for kind in ("architecture", "latency", "accuracy"):
        content = to_parquet(some_predictions()) if kind == "accuracy" else None
        for zoo in ("torchvision", "keras"):
            names.append(store.put(record_of(kind, f"{zoo}:resnet18@w", content), content))
    store.write_manifest(manifest_of(names))
    return store


def _use_everything() -> None:
    """Open a sound input of each kind, so that what is imported late is imported."""
    import io

    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "set" / "rye").mkdir(parents=True)
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        (folder / "set" / "rye" / "a.png").write_bytes(buffer.getvalue())
        images(folder / "set")
        store = some_results(folder / "results")
        results(folder / "results")
        write_bundle(store, folder / "a.bundle")
        bundle(folder / "a.bundle")
        (folder / "0.parquet").write_bytes(to_parquet(some_predictions()))
        (folder / "000000.npz").write_bytes(to_bytes(some_part()))
        part(folder / "000000.npz")
        (folder / "a.onnx").write_bytes(b"\x08\x08")
        (folder / "a.onnx.toml").write_text('labels = "imagenet"\n[preprocessing]\nresize = 8\n')
        file(folder / "a.onnx")
        (folder / "s.toml").write_text('name = "s"\ntitle = "t"\n')
        study(folder / "s.toml")
        (folder / "labels.txt").write_text("a\nb\n")
        label_file(folder / "labels.txt")


_use_everything()
parsing._parser().close()  # the process that it started is not for those that are forked
parsing._parser.cache_clear()
