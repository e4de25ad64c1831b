"""What a latency is the latency of, and which differences of two scopes make a pair unequal.

Most wrong comparisons of latency on record are of unequal things: copies inside the clock on one
side only, another precision, calls with pauses against calls without. So everything that shapes
the number is stated, and two entries that differ in something that nobody declared are not
compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zoodiff.errors import UsageError

NATIVE = ("entry point", "layout", "mode", "binding")
"""What a zoo's own default decides; two zoos at their defaults may differ in these, which is what
comparing zoos means, and it is printed. One zoo against itself may not."""
ASPECTS = (
    *("batch", "threads", "pause", "clock", "calls", "precision", "input size", "device"),
    *NATIVE,
)


@dataclass(frozen=True)
class Scope:
    """How an entry is run."""

    batch: int = 1
    threads: int = 1
    mode: str = ""
    """Execution mode, such as ``compile``; empty for the zoo's default."""
    pause_ms: float = 0.0
    """Idle time before each call; 0 is back to back."""


@dataclass(frozen=True)
class Stated:
    """An entry's whole scope, once it is loaded: each of ``ASPECTS`` in words."""

    name: str
    zoo: str
    chosen_mode: str
    """As the user chose it; empty for the default."""
    aspects: Mapping[str, str]


def differences(first: Stated, second: Stated) -> dict[str, tuple[str, str]]:
    """Aspects in which two scopes differ that their zoos' defaults do not account for."""
    found = {}
    for aspect in ASPECTS:
        one, other = (side.aspects.get(aspect, "") for side in (first, second))
        if one == other or not (one and other):
            continue
        if aspect == "calls" and first.aspects.get("batch") == "1":
            continue  # one call an image is one call a batch
        defaults = not (first.chosen_mode or second.chosen_mode)
        if aspect in NATIVE and first.zoo != second.zoo and (defaults or aspect != "mode"):
            continue
        found[aspect] = one, other
    return found


def check(stated: Sequence[Stated], allowed: Collection[str]) -> None:
    """Raise UsageError where two entries differ in what nobody declared.

    ``allowed`` are aspects that the user declared; an unknown one is an error too.
    """
    unknown = [one for one in allowed if one not in ASPECTS]
    if unknown:
        raise UsageError(
            f'nothing called "{unknown[0]}" can be allowed to differ; '
            f"there are {', '.join(ASPECTS)}"
        )
    for first, second in _pairs(stated):
        for aspect, (one, other) in differences(first, second).items():
            if aspect not in allowed:
                raise UsageError(
                    f"{first.name} and {second.name} are not comparable: {aspect} {one} | "
                    f'{other}; make it the same, or declare it with --allow "{aspect}"'
                )


def _pairs(stated: Sequence[Stated]) -> Iterator[tuple[Stated, Stated]]:
    for position, first in enumerate(stated):
        for second in stated[position + 1 :]:
            yield first, second
