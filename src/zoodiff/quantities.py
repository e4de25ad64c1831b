"""Numbers of parameters and operations in words, as tables, sentences and pages have them."""

from __future__ import annotations

_FEW = 10_000_000


def billions(number: int | None) -> str:
    """Return a number in billions, or in millions if it is small; empty for None.

    >>> billions(1234567890), billions(129184), billions(0)
    ('1.235 G', '0.129 M', '0')
    """
    if not number:
        return "" if number is None else "0"
    return f"{number / 1e9:,.3f} G" if number >= _FEW else f"{number / 1e6:,.3f} M"


def millions(number: int | None) -> str:
    """Return a number in millions: 1234567 as 1.23 M; empty for None."""
    return "" if number is None else f"{number / 1e6:,.2f} M"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one.

    >>> counted(1, "tensor"), counted(3, "tensor")
    ('1 tensor', '3 tensors')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
