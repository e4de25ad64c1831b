"""Parquet files, in the process that parses containers.

Rows are read in small batches as they follow each other, so that a file of one large group of rows
needs no more memory than one of many small groups.
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
"""Images that are read together, and bytes that these should have at most."""
_LABELS_BATCH = 1 << 16
_KEPT = 512 << 20
"""Bytes of images that are kept, for who asks for an image near the last one."""
_BUFFER = 1 << 20
_LONGEST_NAMES = 1 << 20
"""Characters of the names of all classes."""
_WIDEST = 64
"""Classes and scores of an image's predictions."""


class Asked(Protocol):
    """A file that is asked for piece by piece; see ``child.Asking``."""

    number: int
    size: int


class _Column(Protocol):
    """What is read of an array of Arrow."""

    type: object
    nbytes: int
    null_count: int

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Any: ...

    def flatten(self) -> _Column: ...


def warm_up() -> None:
    """Read a small file, so that pyarrow loads its late imports."""
    rows = [{"image": {"bytes": b"x", "path": None}, "label": 1, "list": [1]}]
    for compression in ("snappy", "zstd", "gzip", "brotli", "lz4", "none"):
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), buffer, compression=compression)
        for batch in _opened(buffer).iter_batches(columns=["image", "list"]):
            batch.to_pylist()


def _opened(file: object) -> pq.ParquetFile:
    pa.set_memory_pool(pa.system_memory_pool())
    found = pq.ParquetFile(
        file,
        buffer_size=_BUFFER,
        pre_buffer=False,
        thrift_string_size_limit=16 << 20,
        thrift_container_size_limit=200_000,
    )
    if found.metadata.num_columns > 10_000:
        raise ValueError(f"{found.metadata.num_columns:,} columns")
    return found


def images(file: Asked, most: int) -> tuple[dict[str, Any], bytes]:
    """The rows of a file, the image's column, and the labels as integers of 8 bytes.

    A label is -1 where there is none. Raises any error for what cannot be read.
    """
    opened = _opened(file)
    image, label = _columns(opened)
    count = opened.metadata.num_rows
    if count > file.size:
        raise ValueError(f"{count:,} images in {file.size:,} bytes")
    if not 0 <= count <= most:
        raise ValueError(f"{count:,} images, and {most:,} are listed at most")
    labels = np.full(count, -1, dtype="<i8")
    got = 0
    for values in _values(opened, label) if label is not None else ():
        if got + len(values) > count:
            raise ValueError("more rows than it says")
        labels[got : got + len(values)] = values
        got += len(values)
    if label is not None and got != count:
        raise ValueError(f"{got:,} rows instead of {count:,}")
    said = {"rows": count, "column": image, "names": _names(opened)}
    return said, labels.tobytes()


def _values(file: pq.ParquetFile, column: str) -> Iterator[Any]:
    for batch in file.iter_batches(_LABELS_BATCH, columns=[column], use_threads=False):
        found = batch.column(0)
        if pa.types.is_integer(found.type) or pa.types.is_boolean(found.type):
            values = np.asarray(found.cast(pa.int64()).fill_null(-1), dtype="<i8")
        else:  # whatever Python can make a number of
            listed = found.to_pylist()
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
    """The names of the classes that Hugging Face keeps in the file's metadata."""
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
    """Read the images of one file by batch; keep the last batch."""

    def __init__(self, file: Asked, column: str) -> None:
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
        found = value.get("bytes") if isinstance(value, dict) else value
        return found if isinstance(found, bytes) else None

    def _begin(self, group: int) -> None:
        """Go to the first row of a group."""
        self._group, self._next = group, self._starts[group]
        self._kept: list[Any] = []
        self._first: list[int] = []
        """The first rows of what is kept."""
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
            found = next(self._batches, None)
            if found is None or not len(found):
                raise ValueError("the row is not there")
            self._keep(found.column(0))
        place = bisect_right(self._first, row) - 1
        return self._kept[place][row - self._first[place]]

    def _keep(self, batch: _Column) -> None:
        self._first.append(self._next)
        self._kept.append(batch)
        self._next += len(batch)
        self._bytes += batch.nbytes
        while self._bytes > _KEPT and len(self._kept) > 1:
            self._bytes -= self._kept.pop(0).nbytes
            del self._first[0]


_rows: dict[int, _Rows] = {}


def image(file: Asked, column: str, row: int, most: int) -> tuple[dict[str, Any], bytes]:
    """How many bytes an encoded image has, and the bytes unless they are more than ``most``.

    Of a row that holds no image -1. Raises any error for what cannot be read.
    """
    rows = _rows.pop(file.number, None)
    _rows.clear()
    rows = _Rows(file, column) if rows is None else rows
    content = rows.get(row)
    _rows[file.number] = rows  # not where reading failed: its place is not known then
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


def predictions(file: Asked, most: int, wanted: Sequence[str]) -> tuple[dict[str, Any], bytes]:
    """Columns of per-image predictions: rows, widths and kinds, and the numbers one by one.

    A column that is not there is left out. Raises any error for what are no numbers.
    """
    opened = _opened(file)
    names = [name for name in wanted if name in opened.schema_arrow.names]
    count = opened.metadata.num_rows
    if not 0 <= count <= most:
        raise ValueError(f"{count:,} rows, and {most:,} are read at most")
    columns, contents = {}, []
    for name in names:
        parts, rows, width, before = [], 0, 0, -1
        for batch in opened.iter_batches(_LABELS_BATCH, columns=[name], use_threads=False):
            values, width = _numbers(batch.column(0), _PREDICTED[name])
            rows += len(batch)
            if rows > count or width > _WIDEST or before not in {-1, width}:
                raise ValueError(f"{name} is not what predictions are")
            parts.append(values)
            before = width
        if rows != count:
            raise ValueError(f"{rows:,} rows of {name} instead of {count:,}")
        columns[name] = [width, _PREDICTED[name]]
        contents.append(b"".join(parts))
    return {"rows": count, "columns": columns}, b"".join(contents)


def _numbers(column: _Column, kind: str) -> tuple[bytes, int]:
    """The numbers of a column, and how many there are in each row; 0 for plain numbers."""
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
