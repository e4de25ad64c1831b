"""The limits of a latency measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Limits of a measurement."""

    seconds: float = 60.0
    """Measuring time of all entries together, without loading."""
    processes: int = 5
    """The least number of fresh processes per entry."""
    most_processes: int = 15
    rounds: int | None = None
    """Rounds per process; None: as many as the time allows."""
    least_rounds: int | None = None
    """With ``rounds``: from so many rounds on, a process stops once its rounds have taken as long
    as loading did; None: all ``rounds`` are run.

    The interval of a ratio narrows with the number of processes more than with that of rounds, so
    the time that a large network's rounds would take is better spent on another process. With equal
    times for loading and for rounds, neither costs more than twice the best division.
    """
    block_ms: float = 20.0
    """A block has as many calls as the slowest entry makes in this time, at least one. All entries
    make the same number of calls, so that the lower quartile is the same statistic for each."""
    target_percent: float = 1.0
    """Measuring stops when half the width of every ratio's interval is at most this."""
    pauses: bool = True
    """Whether the sensitivity to pauses between calls is measured."""
    seed: int = 0
