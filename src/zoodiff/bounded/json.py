"""Parse JSON of bounded size.

An empty list takes three bytes of text and sixty of memory, so not only the bytes are limited, but
the values too, which are counted before anything is parsed.
"""

from __future__ import annotations

import json
from typing import Any

MOST_VALUES = 500_000
_MOST_DIGITS = 40
_SIGNS = (b",", b"[", b"{")


class TooManyError(ValueError):
    """More values, or longer numbers, than any such text holds."""


def parse(raw: bytes, *, values: int = MOST_VALUES) -> Any:
    """Parse a JSON text; raise ValueError if it is invalid, TooManyError above the limit of values.

    TooManyError too for an integer of more digits than anything is counted with: what computes with
    it later would fail.

    Signs inside texts count as values too: what is counted is an upper bound.

    >>> parse(b"[1, [2]]")
    [1, [2]]
    >>> parse(b"[" + b"[]," * 100 + b"[]]", values=50)
    Traceback (most recent call last):
        ...
    zoodiff.bounded.json.TooManyError: it holds more than 50 values
    """
    if sum(raw.count(sign) for sign in _SIGNS) > values:
        raise TooManyError(f"it holds more than {values:,} values")
    try:
        return json.loads(raw, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise TooManyError(f"it holds a number of {len(text):,} digits")
    return int(text)
