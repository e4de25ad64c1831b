"""Per image: the five best classes, and how the true one fared."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from zoodiff.data.containers.process import Container, ContainerError, MemorySource
from zoodiff.data.images import MOST_IMAGES
from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOP = 5


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one entry, one row per image. Classes are those of the data set."""

    classes: NDArray[np.int32]
    """(images, up to 5), best first; -1 for a class that the data set does not have."""
    probabilities: NDArray[np.float32]
    """(images, up to 5), of ``classes``."""
    rank: NDArray[np.int32]
    """(images,), place of the true class, 1 for the best; 0 without a label."""
    probability: NDArray[np.float32]
    """(images,), of the true class; NaN without a label."""

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def margin(self) -> NDArray[np.float32]:
        """(images,), probability of the best class less that of the second."""
        found: NDArray[np.float32] = self.probabilities[:, 0] - self.probabilities[:, 1]
        return found

    def hits(self, top: int) -> NDArray[np.bool_]:
        """Return whether the true class is among the ``top`` best, shape (images,)."""
        found: NDArray[np.bool_] = (self.rank >= 1) & (self.rank <= top)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The fields by their names."""
        return {
            "classes": self.classes,
            "probabilities": self.probabilities,
            "rank": self.rank,
            "probability": self.probability,
        }

    @classmethod
    def joined(cls, parts: Sequence[Mapping[str, NDArray[Any]]]) -> Predictions:
        """The rows of several parts, one after the other."""
        import numpy as np

        names = ("classes", "probabilities", "rank", "probability")
        return cls(*(np.concatenate([part[name] for part in parts]) for name in names))


def predictions(
    outputs: NDArray[Any], labels: NDArray[np.int64], label_mapping: NDArray[np.int64]
) -> Predictions:
    """Read (images, classes) outputs, logits or probabilities.

    ``labels`` are classes of the data set, -1 for none; ``label_mapping`` gives for each class of
    the data set the output that means it, -1 for none. Ties go to the lower output, so that a
    result does not depend on the sort.
    """
    import numpy as np

    shares = probabilities(outputs)
    classes = np.full(outputs.shape[1], -1, dtype=np.int64)
    known = label_mapping >= 0
    classes[label_mapping[known]] = np.nonzero(known)[0]
    top = min(TOP, outputs.shape[1])
    # The best few by a partial sort, then those in order; equal values by their number.
    order = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    rows = np.arange(len(outputs))
    target = np.where(labels >= 0, label_mapping[np.maximum(labels, 0)], -1)
    has = target >= 0
    own = shares[rows, np.maximum(target, 0)]
    better = (shares > own[:, None]).sum(1)
    columns = np.arange(outputs.shape[1])
    tied = ((shares == own[:, None]) & (columns < target[:, None])).sum(1)
    # A label that no output stands for can never be found.
    rank = np.where(has, 1 + better + tied, np.where(labels >= 0, outputs.shape[1] + 1, 0))
    return Predictions(
        classes[order].astype(np.int32),
        np.take_along_axis(shares, order, axis=1).astype(np.float32),
        rank.astype(np.int32),
        np.where(has, own, np.where(labels >= 0, 0.0, np.nan)).astype(np.float32),
    )


def probabilities(outputs: NDArray[Any]) -> NDArray[np.float64]:
    """The outputs where they are probabilities already, else their softmax, row by row.

    Numbers from 0 to 1 whose sums are near 1 in most rows are probabilities. Networks of 8 bits
    round a thousand small ones to nothing, so that a sum may be far below 1; it is brought back.
    """
    import numpy as np
    from scipy.special import softmax

    values = np.asarray(outputs, dtype=np.float64)
    sums = values.sum(1, keepdims=True)
    shares = len(values) > 0 and (values >= 0).all() and (values <= 1.01).all()
    if shares and 0.5 < np.median(sums) < 1.5 and sums.min() > 0:
        return np.asarray(values / sums)
    return np.asarray(softmax(values, axis=1))


@dataclass(frozen=True, eq=False)
class Stored:
    """Predictions with image numbers, labels and keys, one row per image."""

    found: Predictions
    images: NDArray[np.int32]
    """Numbers in the data set."""
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]
    """The first 8 bytes of the sha256 of each image."""


def to_parquet(stored: Stored) -> bytes:
    """Write one row per image: number, key, label, classes, probabilities, rank, margin."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = stored.found
    width = found.classes.shape[1]
    table = pa.table(
        {
            "image": pa.array(stored.images.astype(np.int32)),
            "key": pa.array(stored.keys),
            "label": pa.array(stored.labels.astype(np.int32)),
            "classes": pa.FixedSizeListArray.from_arrays(
                pa.array(found.classes.reshape(-1).astype(np.int32)), width
            ),
            "scores": pa.FixedSizeListArray.from_arrays(
                pa.array(found.probabilities.reshape(-1)), width
            ),
            "rank": pa.array(found.rank),
            "probability": pa.array(found.probability),
            "margin": pa.array(found.margin),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> Stored:
    """What ``to_parquet`` wrote; raise MeasurementError for anything else."""
    names = ("image", "key", "label", "classes", "scores", "rank", "probability")
    columns = read_columns(data, names)
    missing = [name for name in names if name not in columns]
    if missing:
        raise MeasurementError(f"these are no predictions (no {missing[0]}); measure anew")
    found = Predictions(
        columns["classes"], columns["scores"], columns["rank"], columns["probability"]
    )
    if found.classes.ndim != 2 or found.classes.shape != found.probabilities.shape:
        raise MeasurementError("these are no predictions (classes without scores); measure anew")
    return Stored(found, columns["image"], columns["label"], columns["key"])


def read_columns(data: bytes, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of predictions in a Parquet file by their names, those of ``names`` that it has.

    (images,), or (images, classes) of lists. The file is parsed in a process of its own. Raises
    MeasurementError for what are no predictions.
    """
    import numpy as np

    try:
        said, content = _parser().ask(
            "predictions", sources=[MemorySource(data)], most=MOST_IMAGES, wanted=list(names)
        )
    except ContainerError as error:
        raise MeasurementError(f"these are no predictions ({error}); measure anew") from None
    found: dict[str, NDArray[Any]] = {}
    start, rows = 0, int(said["rows"])
    for name, (width, kind) in said["columns"].items():
        values = np.frombuffer(content, kind, rows * max(width, 1), start)
        found[name] = values.reshape(rows, width) if width else values
        start += values.nbytes
    return found


@cache
def _parser() -> Container:
    """One process for all files: to start it takes longer than to read one."""
    return Container()
