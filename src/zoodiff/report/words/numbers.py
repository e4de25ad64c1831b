"""Format numbers, times and sizes for a report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from zoodiff.results import Interval

NOT_MEASURED = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
_MAGNITUDES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_ARTICLE_DIGITS = 3


@dataclass(frozen=True)
class Number:
    """A formatted number: ``text`` to show, ``exact`` in words, ``sort`` as the sort key."""

    text: str
    exact: str | None = None
    sort: float | None = None
    bounds: str | None = None
    """The interval, such as ``[11.9, 12.8]``, or None."""

    def __str__(self) -> str:
        return f"{self.text} {self.bounds}" if self.bounds else self.text


def significant(value: float, digits: int = _ARTICLE_DIGITS) -> str:
    """Return ``value`` with ``digits`` significant digits and no exponent.

    >>> [significant(v) for v in (0.012345, 1.5, 12.34, 131.08, 1234.5, 0.0)]
    ['0.0123', '1.50', '12.3', '131', '1234', '0.00']
    """
    return fixed(value, decimals_for(value, digits))


def noise_in_words(percents: Sequence[float]) -> str:
    """Return the noise of the controls in words; there is a control per group timed together."""
    if len(percents) == 1:
        return f"the noise of the run ({significant(percents[0], 2)} %)"
    middle, most = (significant(f(percents), 2) for f in (statistics.median, max))
    if middle == most:
        return f"the noise of their group ({most} % each)"
    return f"the noise of their group (median {middle} %, at most {most} %)"


def decimals_for(value: float, digits: int = _ARTICLE_DIGITS) -> int:
    """Return the number of decimals, 0 to 8, for ``digits`` significant digits of ``value``."""
    if not math.isfinite(value) or value == 0:
        return digits - 1
    # Rounding may carry into the next power of ten: 9.996 is 10.0, not 10.00.
    rounded = float(f"{value:.{digits - 1}e}")
    return min(max(digits - 1 - math.floor(math.log10(abs(rounded))), 0), 8)


def fixed(value: float, decimals: int) -> str:
    """Return ``value`` with fixed decimals; infinity as a sign, NaN as ``undefined``."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        # Avoid a negative zero, and use a minus sign instead of a hyphen.
        text = text[1:] if float(text) == 0 else MINUS + text[1:]
    return text


def scaled(count: float) -> str:
    """Return a count with three significant digits and a magnitude letter.

    >>> [scaled(v) for v in (25_557_032, 4_089_184_256, 999_960, 1_234, 999, 0)]
    ['25.6 M', '4.09 G', '1.00 M', '1.23 k', '999', '0']
    """
    for size, letter in _MAGNITUDES:
        if float(f"{count / size:.2e}") >= 1:
            return f"{significant(count / size)} {letter}"
    return fixed(count, 0)


def count(value: int, unit: str) -> Number:
    """Return a shortened count of ``unit`` (plural), with the full number as ``exact``.

    >>> count(25557032, "parameters")
    Number(text='25.6 M', exact='25,557,032 parameters', sort=25557032.0, bounds=None)
    """
    return Number(scaled(value), f"{value:,} {unit}", float(value))


def milliseconds(value: float) -> str:
    """Return milliseconds with three significant digits, without the unit."""
    return significant(value)


def with_interval(interval: Interval, decimals: int) -> str:
    """Return a value with its interval, ``12.3 [11.9, 12.8]``, in equal decimals."""
    return f"{fixed(interval.value, decimals)} {bounds(interval, decimals)}"


def bounds(interval: Interval, decimals: int) -> str:
    """Return the bounds of an interval, ``[11.9, 12.8]``."""
    return f"[{fixed(interval.low, decimals)}, {fixed(interval.high, decimals)}]"


def level(interval: Interval) -> str:
    """Return the confidence level, ``95 %``."""
    return f"{interval.level * 100:g} %"


def p_value(value: float) -> str:
    """Return a p-value as articles print it.

    >>> [p_value(v) for v in (0.04567, 0.0001, 1.0)]
    ['p = 0.046', 'p < 0.001', 'p = 1.00']
    """
    if value < 0.001:
        return "p < 0.001"
    return f"p = {fixed(value, 3 if value < 0.1 else 2)}"


def size(value: int) -> str:
    """Return a number of bytes in binary units, ``4.00 GiB``."""
    for magnitude, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= magnitude:
            return f"{significant(value / magnitude)} {unit}"
    return f"{value} bytes"


def moment(text: str) -> str:
    """Return an ISO 8601 time in UTC to the minute; other text unchanged.

    >>> moment("2026-07-03T12:04:59+00:00")
    '2026-07-03 12:04 UTC'
    """
    parsed = _parse(text)
    return text if parsed is None else f"{parsed.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def elapsed(started: str, finished: str) -> str | None:
    """Return the time between two ISO 8601 times in words; None if unknown.

    >>> elapsed("2026-07-03T12:00:00Z", "2026-07-03T12:04:09Z")
    '4 min 9 s'
    """
    first, last = _parse(started), _parse(finished)
    if first is None or last is None or last < first:
        return None
    seconds = round((last - first).total_seconds())
    hours, remainder = divmod(seconds, 3600)
    minutes, seconds = divmod(remainder, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _parse(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def plural(number: int, singular: str, many: str | None = None) -> str:
    """Return a number with its noun, ``1 entry`` or ``2 entries``.

    >>> plural(1, "pair"), plural(2, "entry", "entries"), plural(0, "pair")
    ('1 pair', '2 entries', 'no pairs')
    """
    word = singular if number == 1 else (many or singular + "s")
    return f"{number:,} {word}" if number else f"no {word}"


def listing(words: Iterable[str], conjunction: str = "and") -> str:
    """Join words as ``a``, ``a and b`` or ``a, b and c``."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"
