"""Reads the protobuf message ``tf.train.Example`` without creating an object per value.

An Example holds Features (field 1), a map (field 1) from names (field 1) to Feature (field 2),
which is a list of byte strings, floats or integers (fields 1 to 3), whose values are field 1.
tensorflow/core/example/{example,feature}.proto; https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 100_000
"""Most fields of one record that are read."""
_LONGEST_KEY = 1_000


@dataclass(frozen=True)
class Feature:
    """The first values of a feature."""

    first_bytes: tuple[int, int] | None = None
    """Position of the first byte string in the record, and its length."""
    first_integer: int | None = None


def features(data: bytes) -> dict[str, Feature]:
    """Return the features of an encoded Example by name; raise ValueError for invalid data."""
    remaining = [MOST_FIELDS]
    by_name: dict[str, Feature] = {}
    for start, end in _messages(data, 0, len(data), 1, remaining):
        for entry_start, entry_end in _messages(data, start, end, 1, remaining):
            key, feature = "", Feature()
            for number, field_start, field_end in _fields(data, entry_start, entry_end, remaining):
                if number == 1 and field_end - field_start <= _LONGEST_KEY:
                    key = data[field_start:field_end].decode("utf-8")
                elif number == 2:
                    feature = _feature(data, field_start, field_end, remaining)
            by_name[key] = feature
    return by_name


def _feature(data: bytes, start: int, end: int, remaining: list[int]) -> Feature:
    first_bytes, first_integer = None, None
    for number, at, to in _fields(data, start, end, remaining):
        if number == 1 and first_bytes is None:
            first_bytes = next(
                ((value, stop - value) for value, stop in _messages(data, at, to, 1, remaining)),
                None,
            )
        elif number == 3 and first_integer is None:
            first_integer = next(_integers(data, at, to, remaining), None)
    return Feature(first_bytes, first_integer)


def _integers(data: bytes, start: int, end: int, remaining: list[int]) -> Iterator[int]:
    """Yield the integers of a list, which are packed into one field or one field each."""
    for number, at, to in _fields(data, start, end, remaining):
        if number == 1 and to > at:
            value, _ = _varint(data, at, to)
            yield value - (1 << 64) if value >= 1 << 63 else value


def _messages(
    data: bytes, start: int, end: int, number: int, remaining: list[int]
) -> Iterator[tuple[int, int]]:
    return ((at, to) for field, at, to in _fields(data, start, end, remaining) if field == number)


def _fields(
    data: bytes, start: int, end: int, remaining: list[int]
) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each field, and the start and end of its content."""
    while start < end:
        remaining[0] -= 1
        if remaining[0] < 0:
            raise ValueError(f"more than {MOST_FIELDS:,} fields")
        tag, start = _varint(data, start, end)
        kind = tag & 7
        if kind == _VARINT:
            to = _varint(data, start, end)[1]
        elif kind == _BYTES:
            size, start = _varint(data, start, end)
            to = start + size
        elif kind in {_FIXED64, _FIXED32}:
            to = start + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if to > end or not tag >> 3:
            raise ValueError("a field beyond its message")
        yield tag >> 3, start, to
        start = to


def _varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the varint at ``start`` and its end."""
    value = 0
    for shift in range(0, 70, 7):
        if start >= end:
            break
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, start
    raise ValueError("a number without an end")
