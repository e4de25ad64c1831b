"""The result of a sweep over batch sizes and threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff.stats import ratios
from zoodiff.stats.drift import Drift, drift
from zoodiff.stats.intervals import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_ROUNDS = 6
_FEW = 3
"""From so many cells on, what they have in common is the machine's."""


@dataclass(frozen=True)
class Cell:
    """One entry at one batch size and number of threads."""

    name: str
    threads: int
    batch: int
    rounds: tuple[NDArray[np.float64], ...]
    """Processes -> (rounds,): medians of blocks, milliseconds a batch."""

    @property
    def place(self) -> tuple[str, int, int]:
        """Name, threads and batch."""
        return self.name, self.threads, self.batch

    @property
    def has_interval(self) -> bool:
        """Whether there are enough rounds for the intervals to mean something."""
        return _has_interval(self.rounds)

    @cached_property
    def latency_ms(self) -> Estimate:
        """Milliseconds a batch."""
        return ratios.latency(self.rounds)

    @property
    def images_per_second(self) -> Estimate:
        """Throughput: the batch over its latency."""
        found, images = self.latency_ms, self.batch * 1e3
        return Estimate(images / found.value, images / found.high, images / found.low, found.level)


@dataclass(frozen=True)
class LeftOut:
    """A cell that was not measured, and why."""

    name: str
    threads: int
    batch: int
    reason: str


@dataclass(frozen=True)
class Crossing:
    """A rank change: one entry is faster at one batch size, the other at a larger one."""

    first: str
    """Faster at the smaller batch size."""
    second: str
    """Faster at the larger batch size."""
    threads: int
    before: int
    """The last batch size at which the first is shown to be faster."""
    after: int
    """The next one at which the second is."""
    ratio_before: Estimate
    """Latency of the first over that of the second, below 1."""
    ratio_after: Estimate
    """The same at the larger batch size, above 1."""


@dataclass(frozen=True)
class Sweep:
    """The cells of a sweep, the omitted ones, and rank changes."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    seconds: float
    """Measuring time."""
    needed_seconds: float | None
    """Time for the least number of rounds in all processes; None where the time sufficed."""

    def best(self, name: str) -> Cell | None:
        """Return the cell with the highest throughput of an entry; None if none was measured."""
        own = [cell for cell in self.cells if cell.name == name]
        return max(own, key=lambda cell: cell.images_per_second.value, default=None)

    @cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """Return rank changes between batch sizes for which both intervals exclude 1."""
        return tuple(self._crossings())

    @cached_property
    def drifts(self) -> Mapping[tuple[str, int, int], Drift]:
        """Cells, by place, that were still becoming faster or slower when the rounds ended.

        What all cells do together is the machine's and divided out, where there are enough cells.
        """
        found = {}
        for cell in self.cells:
            for process, series in enumerate(cell.rounds):
                trend = drift([float(one) for one in self._alone(cell, process, series)])
                if trend is not None and trend.drifting:
                    found[cell.place] = trend
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values; milliseconds, images a second, bytes."""
        return {
            "cells": [
                {
                    "name": cell.name,
                    "threads": cell.threads,
                    "batch": cell.batch,
                    "has_interval": cell.has_interval,
                    "latency_ms": vars(cell.latency_ms),
                    "images_per_second": vars(cell.images_per_second),
                    "rounds_ms": [series.tolist() for series in cell.rounds],
                    "drifting": vars(self.drifts[cell.place])
                    if cell.place in self.drifts
                    else None,
                }
                for cell in self.cells
            ],
            "best": {
                name: {"threads": best.threads, "batch": best.batch}
                for name in self.names
                if (best := self.best(name)) is not None
            },
            "left_out": [vars(one) for one in self.left_out],
            "crossings": [
                vars(one)
                | {
                    "ratio_before": vars(one.ratio_before),
                    "ratio_after": vars(one.ratio_after),
                }
                for one in self.crossings
            ],
            "seconds": self.seconds,
            "needed_seconds": self.needed_seconds,
        }

    def _alone(self, cell: Cell, process: int, series: NDArray[np.float64]) -> NDArray[np.float64]:
        import numpy as np

        others = [
            np.log(one.rounds[process])
            for one in self.cells
            if one is not cell
            and process < len(one.rounds)
            and len(one.rounds[process]) == len(series)
        ]
        if len(others) < _FEW:
            return series
        common = np.median([logs - np.median(logs) for logs in others], axis=0)
        alone: NDArray[np.float64] = np.exp(np.log(series) - common)
        return alone

    def _crossings(self) -> Iterator[Crossing]:
        cells = {cell.place: cell for cell in self.cells}
        threads = sorted({cell.threads for cell in self.cells})
        batches = sorted({cell.batch for cell in self.cells})
        for one, other in combinations(self.names, 2):
            for number in threads:
                last: tuple[int, Estimate] | None = None
                for batch in batches:
                    pair = cells.get((one, number, batch)), cells.get((other, number, batch))
                    if pair[0] is None or pair[1] is None:
                        continue
                    rounds = _same_rounds(pair[0], pair[1])
                    ratio = ratios.ratio(*rounds)
                    if not _has_interval(rounds[0]) or ratio.low <= 1 <= ratio.high:
                        continue  # not shown to differ
                    if last is not None and (last[1].value < 1) != (ratio.value < 1):
                        yield _crossing(one, other, number, last, (batch, ratio))
                    last = batch, ratio


def _has_interval(rounds: Sequence[NDArray[np.float64]]) -> bool:
    """Several processes, or enough rounds of one to be drawn from again."""
    return len(rounds) > 1 or any(len(series) >= _LEAST_ROUNDS for series in rounds)


def _same_rounds(
    one: Cell, other: Cell
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """The rounds that both were measured in."""
    lengths = [min(len(a), len(b)) for a, b in zip(one.rounds, other.rounds, strict=False)]
    return (
        [series[:n] for series, n in zip(one.rounds, lengths, strict=False)],
        [series[:n] for series, n in zip(other.rounds, lengths, strict=False)],
    )


def _crossing(
    one: str,
    other: str,
    threads: int,
    before: tuple[int, Estimate],
    after: tuple[int, Estimate],
) -> Crossing:
    if before[1].value < 1:
        return Crossing(one, other, threads, before[0], after[0], before[1], after[1])
    return Crossing(
        other, one, threads, before[0], after[0], _inverse(before[1]), _inverse(after[1])
    )


def _inverse(ratio: Estimate) -> Estimate:
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low, ratio.level)
