"""Parses Parquet files; runs in the process that parses containers.

Rows are read in order and in small batches, so that a file with one large row group needs no more
memory than one with many small groups.
"""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_IMAGES = ("image", "img", "jpg")
_LABELS = ("label", "fine_label", "labels", "cls")
_BATCH, _BATCH_BYTES = 32, 64 << 20
"""Most images of a batch, and most bytes that a batch should have."""
_LABELS_BATCH = 1 << 16
_CACHED_BYTES = 512 << 20
"""Most bytes of images in the cache; the next request is usually near the last one."""
_BUFFER = 1 << 20
_LONGEST_NAMES = 1 << 20
"""Most characters of the names of all classes."""
_WIDEST = 64
"""Most classes and scores per image."""


class RequestedFile(Protocol):
    """A file that is requested piece by piece; see ``child.ParentFile``."""

    number: int
    size: int


class _Column(Protocol):
    """The parts of an Arrow array that are used here."""

    type: object
    nbytes: int
    null_count: int

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Any: ...

    def flatten(self) -> _Column: ...


def warm_up() -> None:
    """Read a small file, so that pyarrow imports everything while files can be opened."""
    rows = [{"image": {"bytes": b"x", "path": None}, "label": 1, "list": [1]}]
    for compression in ("snappy", "zstd", "gzip", "brotli", "lz4", "none"):
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), buffer, compression=compression)
        for batch in _opened(buffer).iter_batches(columns=["image", "list"]):
            batch.to_pylist()


def _opened(file: object) -> pq.ParquetFile:
    pa.set_memory_pool(pa.system_memory_pool())
    parquet = pq.ParquetFile(
        file,
        buffer_size=_BUFFER,
        pre_buffer=False,
        thrift_string_size_limit=16 << 20,
        thrift_container_size_limit=200_000,
    )
    if parquet.metadata.num_columns > 10_000:
        raise ValueError(f"{parquet.metadata.num_columns:,} columns")
    return parquet


def images(file: RequestedFile, most: int) -> tuple[dict[str, Any], bytes]:
    """Return the number of rows, the image column and class names; and the labels, int64 bytes.

    A missing label is -1. At most ``most`` images are accepted. Raises any error if the file
    cannot be read.
    """
    opened = _opened(file)
    image, label = _columns(opened)
    count = opened.metadata.num_rows
    if count > file.size:
        raise ValueError(f"{count:,} images in {file.size:,} bytes")
    if not 0 <= count <= most:
        raise ValueError(f"{count:,} images, and {most:,} are listed at most")
    labels = np.full(count, -1, dtype="<i8")
    filled = 0
    for values in _values(opened, label) if label is not None else ():
        if filled + len(values) > count:
            raise ValueError("more rows than it says")
        labels[filled : filled + len(values)] = values
        filled += len(values)
    if label is not None and filled != count:
        raise ValueError(f"{filled:,} rows instead of {count:,}")
    answer = {"rows": count, "column": image, "names": _names(opened)}
    return answer, labels.tobytes()


def _values(file: pq.ParquetFile, column: str) -> Iterator[Any]:
    for batch in file.iter_batches(_LABELS_BATCH, columns=[column], use_threads=False):
        array = batch.column(0)
        if pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
            values = np.asarray(array.cast(pa.int64()).fill_null(-1), dtype="<i8")
        else:  # any type whose values int() accepts
            listed = array.to_pylist()
            values = np.array([-1 if v is None or v < 0 else int(v) for v in listed], dtype="<i8")
        yield np.maximum(values, -1)


def _columns(file: pq.ParquetFile) -> tuple[str, str | None]:
    names = file.schema_arrow.names
    image = next((name for name in _IMAGES if name in names), None)
    if image is None:
        listed = ", ".join(name[:100] for name in names[:20])
        raise ValueError(f"it has no column image; its columns are {listed}")
    return image, next((name for name in _LABELS if name in names), None)


def _names(file: pq.ParquetFile) -> list[str] | None:
    """Return the class names in the file's metadata as Hugging Face writes it; None without."""
    raw = (file.schema_arrow.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(raw or b"{}")["info"]["features"]
        names = next(features[key]["names"] for key in _LABELS if key in features)
    except (ValueError, KeyError, RecursionError, TypeError, StopIteration):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return names if sum(map(len, names)) <= _LONGEST_NAMES else None


class _Rows:
    """Reads the images of one file in batches and caches the last ones."""

    def __init__(self, file: RequestedFile, column: str) -> None:
        self._file, self._column = _opened(file), column
        counts = [
            self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)
        ]
        self._starts = [0, *accumulate(counts)]
        self._group = -1
        self._begin(0)

    def get(self, row: int) -> bytes | None:
        """Return the bytes of one image; None if the row has none."""
        value = self._value(row).as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        return content if isinstance(content, bytes) else None

    def _begin(self, group: int) -> None:
        """Go to the first row of a group."""
        self._group, self._next = group, self._starts[group]
        self._cache: list[Any] = []
        self._first: list[int] = []
        """The first row of each cached batch."""
        self._bytes = 0
        self._batches = self._file.iter_batches(
            self._rows_together(group),
            row_groups=[group],
            columns=[self._column],
            use_threads=False,
        )

    def _rows_together(self, group: int) -> int:
        """Return the number of rows per batch, from the sizes that the file declares."""
        facts = self._file.metadata.row_group(group)
        each = int(facts.total_byte_size) // max(int(facts.num_rows), 1)
        return max(1, min(_BATCH, _BATCH_BYTES // max(each, 1)))

    def _value(self, row: int) -> Any:
        group = bisect_right(self._starts, row) - 1
        first = self._first[0] if self._first else self._next
        if group != self._group or row < first:
            self._begin(group)
        while row >= self._next:
            batch = next(self._batches, None)
            if batch is None or not len(batch):
                raise ValueError("the row does not exist")
            self._keep(batch.column(0))
        position = bisect_right(self._first, row) - 1
        return self._cache[position][row - self._first[position]]

    def _keep(self, batch: _Column) -> None:
        self._first.append(self._next)
        self._cache.append(batch)
        self._next += len(batch)
        self._bytes += batch.nbytes
        while self._bytes > _CACHED_BYTES and len(self._cache) > 1:
            self._bytes -= self._cache.pop(0).nbytes
            del self._first[0]


_rows: dict[int, _Rows] = {}


def image(file: RequestedFile, column: str, row: int, most: int) -> tuple[dict[str, Any], bytes]:
    """Return the size of an encoded image, and its bytes if there are at most ``most``.

    The size is -1 if the row has no image. Raises any error if the file cannot be read.
    """
    rows = _rows.pop(file.number, None)
    _rows.clear()
    rows = _Rows(file, column) if rows is None else rows
    content = rows.get(row)
    _rows[file.number] = rows  # after a failure the position is unknown, so the reader is dropped
    if content is None:
        return {"size": -1}, b""
    return {"size": len(content)}, content if len(content) <= most else b""


_PREDICTED = {
    "image": "<i4",
    "key": "<u8",
    "label": "<i8",
    "classes": "<i4",
    "scores": "<f4",
    "rank": "<i4",
    "probability": "<f4",
}


def predictions(
    file: RequestedFile, most: int, wanted: Sequence[str]
) -> tuple[dict[str, Any], bytes]:
    """Return the columns of per-image predictions: rows, widths and types; and their values.

    ``wanted`` names the columns; missing ones are left out. Raises any error if a column has other
    values than numbers.
    """
    opened = _opened(file)
    names = [name for name in wanted if name in opened.schema_arrow.names]
    count = opened.metadata.num_rows
    if not 0 <= count <= most:
        raise ValueError(f"{count:,} rows, and {most:,} are read at most")
    columns, contents = {}, []
    for name in names:
        parts, rows, width, previous_width = [], 0, 0, -1
        for batch in opened.iter_batches(_LABELS_BATCH, columns=[name], use_threads=False):
            values, width = _numbers(batch.column(0), _PREDICTED[name])
            rows += len(batch)
            if rows > count or width > _WIDEST or previous_width not in {-1, width}:
                raise ValueError(f"the column {name} holds no predictions")
            parts.append(values)
            previous_width = width
        if rows != count:
            raise ValueError(f"{rows:,} rows of {name} instead of {count:,}")
        columns[name] = [width, _PREDICTED[name]]
        contents.append(b"".join(parts))
    return {"rows": count, "columns": columns}, b"".join(contents)


def _numbers(column: _Column, kind: str) -> tuple[bytes, int]:
    """Return the values of a column and their number per row; 0 if rows are plain numbers."""
    width = 0
    rows = len(column)
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = column.flatten()
        width = len(column) // max(rows, 1)
        if width * rows != len(column):
            raise ValueError("rows of different lengths")
    if column.null_count or not (
        pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    ):
        raise ValueError("a row without a number")
    return np.asarray(column).astype(kind).tobytes(), width
