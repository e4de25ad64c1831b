"""Conditions of a latency measurement, and which mismatches make two measurements incomparable.

Most wrong comparisons of latency on record compare unequal things: copies inside the clock on one
side only, another precision, calls with pauses against calls without. So every condition that
shapes the number is recorded, and a pair with an undeclared mismatch is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zoodiff.errors import UsageError

NATIVE = ("entry point", "layout", "mode", "binding")
"""Conditions that a zoo's default decides. Two zoos at their defaults may differ in these, and the
difference is printed; two entries of one zoo may not."""
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
    """Idle time before each call; 0 is back to back."""


@dataclass(frozen=True)
class MeasuredConditions:
    """Every condition of ``CONDITIONS`` of a loaded entry, in words."""

    name: str
    zoo: str
    chosen_mode: str
    """As the user chose it; empty for the default."""
    values: Mapping[str, str]


def differences(
    first: MeasuredConditions, second: MeasuredConditions
) -> dict[str, tuple[str, str]]:
    """Return the conditions that differ for another reason than the defaults of two zoos."""
    found = {}
    for condition in CONDITIONS:
        one, other = (side.values.get(condition, "") for side in (first, second))
        if one == other or not (one and other):
            continue
        if condition == "calls" and first.values.get("batch") == "1":
            continue  # one call an image is one call a batch
        defaults = not (first.chosen_mode or second.chosen_mode)
        if condition in NATIVE and first.zoo != second.zoo and (defaults or condition != "mode"):
            continue
        found[condition] = one, other
    return found


def check(conditions: Sequence[MeasuredConditions], allowed: Collection[str]) -> None:
    """Raise UsageError if the conditions of two entries differ without permission.

    ``allowed`` names conditions that the user declared to differ. An unknown name is an error.
    """
    unknown = [one for one in allowed if one not in CONDITIONS]
    if unknown:
        raise UsageError(
            f'nothing called "{unknown[0]}" can be allowed to differ; '
            f"there are {', '.join(CONDITIONS)}"
        )
    for first, second in _pairs(conditions):
        for condition, (one, other) in differences(first, second).items():
            if condition not in allowed:
                raise UsageError(
                    f"{first.name} and {second.name} are not comparable: {condition} {one} | "
                    f'{other}; make it the same, or declare it with --allow "{condition}"'
                )


def _pairs(
    conditions: Sequence[MeasuredConditions],
) -> Iterator[tuple[MeasuredConditions, MeasuredConditions]]:
    for position, first in enumerate(conditions):
        for second in conditions[position + 1 :]:
            yield first, second
