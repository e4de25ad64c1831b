"""Filters of rows with the words of their options, so that an empty answer can say why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from zoodiff.entry import did_you_mean, folded
from zoodiff.errors import UsageError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """A condition on rows, and how a user wrote it."""

    option: str
    """``--batch 4``."""
    keeps: Callable[[Row], bool]
    known: Callable[[Row], str | None] | None = None
    """The value of a row that the condition is about; for the hint of an empty answer."""


def kept(rows: Iterable[Row], filters: Sequence[Filter[Row]]) -> list[Row]:
    """Return the rows that all filters keep."""
    return [row for row in rows if all(each.keeps(row) for each in filters)]


def why_empty(rows: Sequence[Row], filters: Sequence[Filter[Row]]) -> str:
    """Return in a clause which filters leave nothing of the rows.

    A filter that alone leaves nothing is named with the values that there are.

    >>> odd = Filter("--precision", lambda n: n % 2 == 1)
    >>> why_empty([2, 4], [odd])
    '--precision leaves none'
    >>> why_empty([1, 2], [odd, Filter("--max-macs", lambda n: n > 1)])
    '--precision and --max-macs leave none together (alone 1 and 1)'
    """
    for each in filters:
        if not kept(rows, [each]):
            return f"{each.option} leaves none{_hint(rows, each)}"
    needed: list[Filter[Row]] = list(filters)
    for each in filters:  # drop each filter that the answer is empty without
        fewer = [other for other in needed if other is not each]
        if not kept(rows, fewer):
            needed = fewer
    names = " and ".join(each.option for each in needed)
    alone = " and ".join(str(len(kept(rows, [each]))) for each in needed)
    return f"{names} leave none together (alone {alone})"


def _hint(rows: Sequence[Row], each: Filter[Row]) -> str:
    if each.known is None:
        return ""
    values = sorted({value for row in rows if (value := each.known(row)) is not None}, key=_size)
    if not values:
        return "; it is not stated for any"
    listed = ", ".join(values[:_LISTED]) + (", ..." if len(values) > _LISTED else "")
    return f"; there is {listed}"


_LISTED = 6


def _size(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def within(
    low: float | None, high: float | None, value: Callable[[Row], float | None]
) -> list[Filter[Row]]:
    """Return the filters ``--min`` and ``--max`` on a value; a row without it is left out."""

    def at_least(row: Row) -> bool:
        number = value(row)
        return number is not None and low is not None and number >= low

    def at_most(row: Row) -> bool:
        number = value(row)
        return number is not None and high is not None and number <= high

    bounds = [] if low is None else [Filter(f"--min {low:g}", at_least)]
    return bounds if high is None else [*bounds, Filter(f"--max {high:g}", at_most)]


def names_part(text: str, value: str | None) -> bool:
    """Return whether a name contains a part, whatever its case and punctuation.

    >>> names_part("rtx4090", "RTX 4090"), names_part("4090", None)
    (True, False)
    """
    return value is not None and folded(text) in folded(value)


def sorted_rows(
    rows: Iterable[Row], key: str, keys: dict[str, tuple[Callable[[Row], object], bool]]
) -> list[Row]:
    """Return rows sorted by one of ``keys``: name -> (value of a row, whether largest first).

    Rows without the value come last. Raises UsageError for a key that does not exist.
    """
    if key not in keys:
        raise UsageError(
            f"cannot sort by {key!r}{did_you_mean(key, keys)}; sort by {', '.join(keys)}"
        )
    value, largest_first = keys[key]
    listed = list(rows)
    with_value = [row for row in listed if value(row) is not None]
    without = [row for row in listed if value(row) is None]
    with_value.sort(key=value, reverse=largest_first)  # type: ignore[arg-type]
    return [*with_value, *without]
