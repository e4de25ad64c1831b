"""Parquet files as Hugging Face ``datasets`` writes them: ``image`` with its bytes, ``label``."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from zoodiff.data import imagenet
from zoodiff.data.images import ImageSet, Sample, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.places import Address, Place, size_of, stat_of
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_DAMAGE = (ArithmeticError, LookupError, OSError, TypeError, ValueError)
"""What pyarrow and Python raise for columns that are not what they are called."""
_IMAGES, _LABELS = ("image", "img", "jpg"), ("label", "fine_label", "labels", "cls")


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Images of Parquet files; a group of rows is read when one of its images is asked for."""
    import pyarrow as pa

    samples: list[Sample] = []
    groups: list[tuple[pq.ParquetFile, int]] = []
    starts: list[int] = []
    image = ""
    try:
        for path in files:
            file = _opened(path)
            image, label = _columns(path, file)
            for group in range(file.num_row_groups):
                starts.append(len(samples))
                groups.append((file, group))
                rows = file.metadata.row_group(group).num_rows
                if not 0 <= rows <= size_of(path):
                    raise ValueError(f"{rows} images in {size_of(path)} bytes")
                labels: Sequence[Any] = [None] * rows
                if label:
                    labels = file.read_row_group(group, columns=[label])[label].to_pylist()
                first = len(samples)
                samples += [
                    Sample(f"{path.name}#{first + k}", None if v is None or v < 0 else int(v))
                    for k, v in enumerate(labels)
                ]
        own = _space(files[0], _opened(files[0]))
    except (pa.ArrowException, *_DAMAGE) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"the Parquet file {path} cannot be read ({reason})") from None
    if not samples:
        raise UsageError(f"there is no image in {files[0]}")

    @lru_cache(maxsize=2)
    def rows_of(number: int) -> Any:
        file, group = groups[number]
        return file.read_row_group(group, columns=[image])[image]

    def get(number: int) -> bytes:
        group = bisect_right(starts, number) - 1
        try:
            value = rows_of(group)[number - starts[group]].as_py()
        except (pa.ArrowException, *_DAMAGE) as error:
            raise OSError(" ".join(str(error).split())[:200]) from None
        found = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(found, bytes):
            raise OSError("the row holds a path instead of an image")
        return found

    labelled = all(sample.label is not None for sample in samples)
    return ImageSet(
        files[0].stem if len(files) == 1 else files[0].parent.name,
        f"{len(files)} Parquet files" if len(files) > 1 else "a Parquet file",
        samples,
        (space or own or IMAGENET_1K) if labelled else None,
        get,
        stamp([stat_of(path) for path in files]),
        () if labelled else ("not every image has a label",),
    )


def _opened(path: Place) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path.open("rb") if isinstance(path, Address) else path)


def _columns(path: Place, file: pq.ParquetFile) -> tuple[str, str | None]:
    names = file.schema_arrow.names
    image = next((name for name in _IMAGES if name in names), None)
    if image is None:
        raise UsageError(f"{path} has no column image; its columns are {', '.join(names)}")
    return image, next((name for name in _LABELS if name in names), None)


def _space(path: Place, file: pq.ParquetFile) -> LabelSpace | None:
    """The names that Hugging Face keeps in the file's metadata."""
    raw = (file.schema_arrow.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(raw or b"{}")["info"]["features"]
        names = next(features[key]["names"] for key in _LABELS if key in features)
    except (ValueError, KeyError, RecursionError, TypeError, StopIteration):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if [imagenet.class_of(name.split(",")[0]) or imagenet.class_of(name) for name in names[:3]] == [
        0,
        1,
        2,
    ] and len(names) == IMAGENET_1K.classes:
        return IMAGENET_1K
    return LabelSpace(path.parent.name, len(names), names=tuple(names))
