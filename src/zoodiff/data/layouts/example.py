"""The protobuf message ``tf.train.Example``, read without making objects of all that is in it.

An Example holds Features (field 1), a map (field 1) from names (field 1) to Feature (field 2),
which is a list of byte strings, floats or integers (fields 1 to 3), whose values are field 1.
tensorflow/core/example/{example,feature}.proto; https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 100_000
"""Of one record: its features, and the values before those that are wanted."""
_LONGEST_KEY = 1_000


@dataclass(frozen=True)
class Feature:
    """The expected type of a feature."""

    first_bytes: tuple[int, int] | None = None
    """Where the first byte string begins in the record, and how many bytes it has."""
    first_integer: int | None = None


def features(data: bytes) -> dict[str, Feature]:
    """Parse the features of an encoded Example by name; raise ValueError for invalid data."""
    left = [MOST_FIELDS]
    found: dict[str, Feature] = {}
    for start, end in _messages(data, 0, len(data), 1, left):
        for entry_start, entry_end in _messages(data, start, end, 1, left):
            key, feature = "", Feature()
            for number, at, to in _fields(data, entry_start, entry_end, left):
                if number == 1 and to - at <= _LONGEST_KEY:
                    key = data[at:to].decode("utf-8")
                elif number == 2:
                    feature = _feature(data, at, to, left)
            found[key] = feature
    return found


def _feature(data: bytes, start: int, end: int, left: list[int]) -> Feature:
    first_bytes, first_integer = None, None
    for number, at, to in _fields(data, start, end, left):
        if number == 1 and first_bytes is None:
            first_bytes = next(
                ((value, stop - value) for value, stop in _messages(data, at, to, 1, left)), None
            )
        elif number == 3 and first_integer is None:
            first_integer = next(_integers(data, at, to, left), None)
    return Feature(first_bytes, first_integer)


def _integers(data: bytes, start: int, end: int, left: list[int]) -> Iterator[int]:
    """Integers one by one, in either of the forms that they are written in."""
    for number, at, to in _fields(data, start, end, left):
        if number == 1 and to > at:
            value, _ = _varint(data, at, to)
            yield value - (1 << 64) if value >= 1 << 63 else value


def _messages(
    data: bytes, start: int, end: int, number: int, left: list[int]
) -> Iterator[tuple[int, int]]:
    return ((at, to) for field, at, to in _fields(data, start, end, left) if field == number)


def _fields(data: bytes, start: int, end: int, left: list[int]) -> Iterator[tuple[int, int, int]]:
    """Number, first byte and end of each field's content; of a varint the varint itself."""
    while start < end:
        left[0] -= 1
        if left[0] < 0:
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
    """Read the varint that begins here; return it and its end."""
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
