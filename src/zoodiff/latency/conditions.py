"""Conditions of a latency measurement, and which mismatches make two measurements incomparable.

Most wrong latency comparisons that were published compare different conditions: copying is timed
on one side only, the precision differs, or one side pauses between calls. So every condition that
shapes a latency is recorded, and a pair with an undeclared mismatch is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zoodiff.errors import UsageError

NATIVE = ("entry point", "layout", "mode", "binding")
"""Conditions that depend on a zoo's defaults. Entries of two zoos at their defaults may differ in
these, and the difference is printed; entries of one zoo may not differ."""
CONDITIONS = (
    *("batch", "threads", "pause", "clock", "calls", "precision", "input size", "device"),
    *NATIVE,
)


@dataclass(frozen=True)
class Conditions:
    """The conditions under which an entry is timed."""

    batch: int = 1
    threads: int = 1
    mode: str = ""
    """Execution mode, such as ``compile``; empty for the zoo's default."""
    pause_ms: float = 0.0
    """Idle time before each call; 0 for calls in direct succession."""


@dataclass(frozen=True)
class MeasuredConditions:
    """The conditions of a loaded entry."""

    name: str
    zoo: str
    chosen_mode: str
    """Mode that the user chose; empty for the default."""
    values: Mapping[str, str]
    """Values in words, by the names of ``CONDITIONS``."""


def differences(
    first: MeasuredConditions, second: MeasuredConditions
) -> dict[str, tuple[str, str]]:
    """Return the conditions in which two entries differ, with both values.

    Differences that only come from the defaults of two zoos are left out.
    """
    differing = {}
    for condition in CONDITIONS:
        first_value, second_value = (side.values.get(condition, "") for side in (first, second))
        if first_value == second_value or not (first_value and second_value):
            continue
        if condition == "calls" and first.values.get("batch") == "1":
            continue  # at batch 1, one call per image is one call per batch
        defaults = not (first.chosen_mode or second.chosen_mode)
        if condition in NATIVE and first.zoo != second.zoo and (defaults or condition != "mode"):
            continue
        differing[condition] = first_value, second_value
    return differing


def check(conditions: Sequence[MeasuredConditions], allowed: Collection[str]) -> None:
    """Raise UsageError if the conditions of two entries differ without permission.

    ``allowed`` names conditions that the user declared to differ. An unknown name is an error.
    """
    unknown = [name for name in allowed if name not in CONDITIONS]
    if unknown:
        raise UsageError(
            f'nothing called "{unknown[0]}" can be allowed to differ; '
            f"there are {', '.join(CONDITIONS)}"
        )
    for first, second in _pairs(conditions):
        for condition, (first_value, second_value) in differences(first, second).items():
            if condition not in allowed:
                raise UsageError(
                    f"{first.name} and {second.name} are not comparable: {condition} "
                    f"{first_value} | {second_value}; make it the same, or declare it with "
                    f'--allow "{condition}"'
                )


def _pairs(
    conditions: Sequence[MeasuredConditions],
) -> Iterator[tuple[MeasuredConditions, MeasuredConditions]]:
    for position, first in enumerate(conditions):
        for second in conditions[position + 1 :]:
            yield first, second
