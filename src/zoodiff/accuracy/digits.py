"""Accuracy: all entries see the same images, each through its own preprocessing."""

from __future__ import annotations

import hashlib
import io
import time
from typing import TYPE_CHECKING

from zoodiff.accuracy.predictions import read_columns
from zoodiff.data import datasets
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError
from zoodiff.host.provenance import hardware, now
from zoodiff.results import Interval
from zoodiff.stats import intervals
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record, WeightsInfo, attachment_name
from zoodiff.tasks import Task
from zoodiff.workers.messages import Load
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOP = 5


def measure(engine: WorkerPool, task: Task, entry: Entry) -> tuple[Record, bytes]:
    """Measure one entry; return its record and the Parquet file of its predictions.

    Raises MeasurementError where the entry's label space is not the data set's.
    """
    settings = task.settings
    data = datasets.load(settings["data"])
    if entry.model.labels != data.labels_space:
        raise MeasurementError(
            f"{entry.ref} answers in the label space {entry.model.labels.name}, "
            f"but {settings['data']} is labelled in {data.labels_space.name}; "
            "choose a data set of the entry's own label space"
        )
    started = now()
    begin = time.perf_counter()
    worker = engine.worker(entry.worker)
    handle, weights = str(entry.ref), entry.weights_name
    loaded = worker.load(
        Load(handle, entry.model.name, weights, seed=settings["seed"], threads=worker.threads),
        doing=f"loading {entry.ref}",
    )
    scores = worker.predict(
        handle, data.images, settings["batch"], doing=f"running {entry.ref} on {data.name}"
    )
    if scores.ndim != 2 or scores.shape != (len(data.labels), data.labels_space.classes):
        raise MeasurementError(
            f"{entry.ref} gave outputs of shape {scores.shape} for {len(data.labels)} images of "
            f"{data.labels_space.classes} classes"
        )
    classes = top_classes(scores, _TOP)
    right1, right5 = hits(classes, data.labels)
    predictions = to_parquet(data.labels, classes, scores)
    images = len(data.labels)
    worker.unload(handle, doing=f"unloading {entry.ref}")
    key = task.key(entry)
    record = Record(
        key=key,
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        model=entry.model.name,
        architecture=entry.model.architecture,
        weights=WeightsInfo(
            name=entry.weights_name,
            state=loaded.weights_state,
            sha256=loaded.weights_sha256,
        ),
        preprocessing=entry.preprocessing.to_dict(),
        labels=entry.model.labels.name,
        conditions={**settings, "data_sha256": data.sha256, "split": data.split},
        versions=engine.versions(worker),
        hardware=hardware(),
        started=started,
        finished=now(),
        values=AccuracyValues(
            top1=_percent(int(right1.sum()), images),
            top5=_percent(int(right5.sum()), images),
            images=images,
            predictions_file=attachment_name(key, predictions),
            predictions_sha256=hashlib.sha256(predictions).hexdigest(),
            seconds=time.perf_counter() - begin,
        ),
    )
    return record, predictions


def top_classes(scores: NDArray[np.generic], top: int) -> NDArray[np.int64]:
    """The ``top`` best classes of each row of (images, classes), best first.

    Ties go to the lower class index, so that the result does not depend on the sort.
    """
    import numpy as np

    order = np.argsort(-np.asarray(scores, dtype=np.float64), axis=1, kind="stable")
    return order[:, :top].astype(np.int64)


def hits(
    classes: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each image is right in its first class, and in any of the given classes."""
    matches = classes == labels[:, None]
    return matches[:, 0], matches.any(axis=1)


def to_parquet(
    labels: NDArray[np.int64], classes: NDArray[np.int64], scores: NDArray[np.generic]
) -> bytes:
    """Per-image predictions: ``image``, ``label``, ``classes`` (best first), ``scores``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    best = np.take_along_axis(np.asarray(scores, dtype=np.float32), classes, axis=1)
    table = pa.table(
        {
            "image": pa.array(np.arange(len(labels), dtype=np.int32)),
            "label": pa.array(labels.astype(np.int32)),
            "classes": pa.array(classes.astype(np.int32).tolist(), pa.list_(pa.int32())),
            "scores": pa.array(best.tolist(), pa.list_(pa.float32())),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def right_top1(store: Store, record: Record) -> NDArray[np.bool_] | None:
    """Per image whether the record's first class was right; None where the file is not intact."""
    import numpy as np

    if record.attachment is None or not store.intact(record):
        return None
    try:
        content = store.read_attachment(record)
        columns = read_columns(content, ("rank",))
        if "rank" in columns:  # of images
            return np.asarray(columns["rank"] == 1)
        columns = read_columns(content, ("label", "classes"))
    except (MeasurementError, OSError):
        return None  # written by something else than zoodiff
    if "label" not in columns or "classes" not in columns or columns["classes"].ndim < 2:
        return None
    return np.asarray(columns["label"] == columns["classes"][:, 0])


def _percent(successes: int, trials: int) -> Interval:
    estimate = intervals.proportion(successes, trials)
    return Interval(value=100 * estimate.value, low=100 * estimate.low, high=100 * estimate.high)
