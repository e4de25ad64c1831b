"""Format the conditions of measurements."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.report.words import numbers
from zoodiff.store.records import Record


def conditions(records: Iterable[Record]) -> tuple[str, ...]:
    """Return one phrase per condition of the measurements, for example ``threads 1``."""
    seen: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.conditions.items():
            if value is None or value == "" or name == "no_reference":  # not set, or of one entry
                continue
            seen.setdefault(name, set()).add(_condition(value))
    phrases = []
    for name, values in sorted(seen.items()):
        ordered = sorted(values, key=lambda text: (len(text), text))
        shown = numbers.listing(ordered, "or") if len(ordered) < 5 else "differing by entry"
        phrases.append(f"{name.replace('_', ' ')} {shown}")
    return tuple(phrases)


def _condition(value: object) -> str:
    if isinstance(value, list | tuple):
        return numbers.TIMES.join(_condition(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] + "…" if is_hash else text
