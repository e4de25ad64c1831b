"""Check the header of a safetensors file against its size before the library maps it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal

_HEADER = 100_000_000
"""Bytes of a header; the library's own limit."""


def check(path: Path) -> None:
    """Raise RefusedError (SEC111) if the header declares more than the file can hold."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if length > min(size - 8, _HEADER):
            raise refusal(
                "SEC111",
                f"{path} of {size:,} bytes announces a header of {length:,} bytes",
            )
        text = file.read(length)
    try:
        header = json.loads(text)
        spans = sorted(
            tuple(map(int, tensor["data_offsets"]))
            for name, tensor in header.items()
            if name != "__metadata__"
        )
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise MeasurementError(f"{path} is no safetensors file ({type(error).__name__})") from None
    _check_spans(spans, size - 8 - length, path)


def _check_spans(spans: list[tuple[Any, ...]], size: int, path: Path) -> None:
    end = 0
    for span in spans:
        first, last = span if len(span) == 2 else (-1, -1)
        if not 0 <= first <= last <= size:
            raise refusal("SEC111", f"{path} has a tensor at bytes {first} to {last} of {size:,}")
        if first < end:
            raise refusal("SEC111", f"{path} has tensors that lie over each other at byte {first}")
        end = last
