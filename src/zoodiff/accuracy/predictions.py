"""Predictions per image: the five best classes, and rank and probability of the true class."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from zoodiff.data.containers.process import Container, ContainerError, MemorySource, check_parquet
from zoodiff.data.images import MOST_IMAGES
from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOP = 5


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one entry, one row per image, as classes of the data set."""

    classes: NDArray[np.int32]
    """(images, up to 5), best first; -1 for a class that the data set does not have."""
    probabilities: NDArray[np.float32]
    """(images, up to 5), probabilities of ``classes``."""
    rank: NDArray[np.int32]
    """(images,), rank of the true class, 1 for the best; 0 without a label."""
    probability: NDArray[np.float32]
    """(images,), probability of the true class; NaN without a label."""

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def margin(self) -> NDArray[np.float32]:
        """(images,), probability of the best class less that of the second."""
        margin: NDArray[np.float32] = self.probabilities[:, 0] - self.probabilities[:, 1]
        return margin

    def hits(self, top: int) -> NDArray[np.bool_]:
        """Return whether the true class is among the ``top`` best, shape (images,)."""
        hits: NDArray[np.bool_] = (self.rank >= 1) & (self.rank <= top)
        return hits

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the fields by name."""
        return {
            "classes": self.classes,
            "probabilities": self.probabilities,
            "rank": self.rank,
            "probability": self.probability,
        }

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, NDArray[Any]]]) -> Predictions:
        """Return predictions with the rows of several parts in order."""
        import numpy as np

        names = ("classes", "probabilities", "rank", "probability")
        return cls(*(np.concatenate([part[name] for part in parts]) for name in names))


def predictions(
    outputs: NDArray[Any], labels: NDArray[np.int64], label_mapping: NDArray[np.int64]
) -> Predictions:
    """Return the predictions from outputs, logits or probabilities of shape (images, outputs).

    ``labels`` is (images,), classes of the data set, -1 for none; ``label_mapping`` is (classes of
    the data set,), the output of each class, -1 for none. Of equal values, the output with the
    lower index ranks first, so that results do not depend on the sort.
    """
    import numpy as np

    shares = probabilities(outputs)
    classes = np.full(outputs.shape[1], -1, dtype=np.int64)
    known = label_mapping >= 0
    classes[label_mapping[known]] = np.nonzero(known)[0]
    top = min(TOP, outputs.shape[1])
    # A stable sort orders equal values by their index.
    order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    rows = np.arange(len(outputs))
    target = np.where(labels >= 0, label_mapping[np.maximum(labels, 0)], -1)
    has_output = target >= 0
    own = shares[rows, np.maximum(target, 0)]
    better = (shares > own[:, None]).sum(1)
    columns = np.arange(outputs.shape[1])
    tied = ((shares == own[:, None]) & (columns < target[:, None])).sum(1)
    # A label without an output is never predicted: it ranks last.
    rank = np.where(has_output, 1 + better + tied, np.where(labels >= 0, outputs.shape[1] + 1, 0))
    return Predictions(
        classes[order].astype(np.int32),
        np.take_along_axis(shares, order, axis=1).astype(np.float32),
        rank.astype(np.int32),
        np.where(has_output, own, np.where(labels >= 0, 0.0, np.nan)).astype(np.float32),
    )


def probabilities(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities with rows of sum 1 from outputs, (images, outputs).

    Values from 0 to 1 whose row sums are mostly near 1 are probabilities already; of other outputs
    the softmax is taken. Networks of 8 bits round small probabilities to 0, so a sum may be far
    below 1; rows are divided by their sums.
    """
    import numpy as np
    from scipy.special import softmax

    values = np.asarray(outputs, dtype=np.float64)
    if are_probabilities(values):
        return np.asarray(values / values.sum(1, keepdims=True))
    return np.asarray(softmax(values, axis=1))


def are_probabilities(values: NDArray[np.float64]) -> bool:
    """Return whether values are from 0 to 1 and most rows have a sum near 1."""
    import numpy as np

    if not len(values) or not ((values >= 0).all() and (values <= 1.01).all()):
        return False
    sums = values.sum(1)
    return bool(0.5 < np.median(sums) < 1.5 and sums.min() > 0)


@dataclass(frozen=True, eq=False)
class Stored:
    """Predictions with image numbers, labels and keys, one row per image."""

    predictions: Predictions
    images: NDArray[np.int32]
    """(images,), numbers in the data set."""
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]
    """(images,), the first 8 bytes of the sha256 of each image."""


def to_parquet(stored: Stored) -> bytes:
    """Return a Parquet file with one row per image: number, key, label and predictions."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = stored.predictions
    width = rows.classes.shape[1]
    table = pa.table(
        {
            "image": pa.array(stored.images.astype(np.int32)),
            "key": pa.array(stored.keys),
            "label": pa.array(stored.labels.astype(np.int32)),
            "classes": pa.FixedSizeListArray.from_arrays(
                pa.array(rows.classes.reshape(-1).astype(np.int32)), width
            ),
            "scores": pa.FixedSizeListArray.from_arrays(
                pa.array(rows.probabilities.reshape(-1)), width
            ),
            "rank": pa.array(rows.rank),
            "probability": pa.array(rows.probability),
            "margin": pa.array(rows.margin),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> Stored:
    """Return the predictions that ``to_parquet`` wrote; raise MeasurementError for other data."""
    names = ("image", "key", "label", "classes", "scores", "rank", "probability")
    columns = read_columns(data, names)
    missing = [name for name in names if name not in columns]
    if missing:
        raise MeasurementError(f"these are no predictions (no {missing[0]}); measure anew")
    rows = Predictions(
        columns["classes"], columns["scores"], columns["rank"], columns["probability"]
    )
    if rows.classes.ndim != 2 or rows.classes.shape != rows.probabilities.shape:
        raise MeasurementError("these are no predictions (classes without scores); measure anew")
    return Stored(rows, columns["image"], columns["label"], columns["key"])


def read_columns(data: bytes, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the columns ``names`` of a Parquet file of predictions; missing columns are left out.

    A column is (images,), or (images, classes) if its values are lists. The file is parsed in a
    separate process. Raises MeasurementError if the file has no predictions.
    """
    import numpy as np

    check_parquet("reading stored predictions needs")
    try:
        answer, content = _parser().ask(
            "predictions", sources=[MemorySource(data)], most=MOST_IMAGES, wanted=list(names)
        )
    except ContainerError as error:
        raise MeasurementError(f"these are no predictions ({error}); measure anew") from None
    columns: dict[str, NDArray[Any]] = {}
    start, rows = 0, int(answer["rows"])
    for name, (width, kind) in answer["columns"].items():
        values = np.frombuffer(content, kind, rows * max(width, 1), start)
        columns[name] = values.reshape(rows, width) if width else values
        start += values.nbytes
    return columns


@cache
def _parser() -> Container:
    """Return the parsing process, one for all files: starting it takes longer than reading."""
    return Container()
