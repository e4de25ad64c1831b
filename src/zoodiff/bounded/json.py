"""Parse JSON of bounded size.

An empty list takes three bytes of text and sixty of memory. So the number of values is limited
besides the number of bytes; values are counted before the text is parsed.
"""

from __future__ import annotations

import json
from typing import Any

MOST_VALUES = 500_000
_MOST_DIGITS = 40
_SIGNS = (b",", b"[", b"{")


class TooManyError(ValueError):
    """A text with more values, or with longer numbers, than the limits allow."""


def parse(raw: bytes, *, values: int = MOST_VALUES) -> Any:
    """Parse a JSON text; raise ValueError if it is invalid, TooManyError above the limit of values.

    Raises TooManyError for an integer with too many digits, too, since computing with it would
    fail. The count of values is an upper bound: it includes brackets and commas inside strings.

    >>> parse(b"[1, [2]]")
    [1, [2]]
    >>> parse(b"[" + b"[]," * 100 + b"[]]", values=50)
    Traceback (most recent call last):
        ...
    zoodiff.bounded.json.TooManyError: it holds more than 50 values
    """
    if not is_small(raw, values=values):
        raise TooManyError(f"it holds more than {values:,} values")
    try:
        return json.loads(raw, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_small(raw: bytes, *, values: int = MOST_VALUES) -> bool:
    """Return whether a JSON text has at most so many values, by an upper bound of their number."""
    return sum(raw.count(sign) for sign in _SIGNS) <= values


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise TooManyError(f"it holds a number of {len(text):,} digits")
    return int(text)
