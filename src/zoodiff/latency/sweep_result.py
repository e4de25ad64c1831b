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
_LEAST_NEIGHBOURS = 3
"""Number of other cells from which a common trend is attributed to the machine."""


@dataclass(frozen=True)
class Cell:
    """One entry at one batch size and number of threads."""

    name: str
    threads: int
    batch: int
    rounds: tuple[NDArray[np.float64], ...]
    """Processes -> (rounds,): medians of blocks, milliseconds per batch."""

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
        """Latency in milliseconds per batch."""
        return ratios.latency(self.rounds)

    @property
    def images_per_second(self) -> Estimate:
        """Throughput: the batch size over the latency of a batch."""
        latency, images = self.latency_ms, self.batch * 1e3
        return Estimate(
            images / latency.value, images / latency.high, images / latency.low, latency.level
        )


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
    """The next batch size at which the second is shown to be faster."""
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
    """Time for the minimum number of rounds in all processes; None if the time sufficed."""

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
        """Trends of cells that were still becoming faster or slower when the rounds ended.

        The keys are the cells' places. A trend that all cells share comes from the machine; it is
        divided out if there are enough cells.
        """
        drifts = {}
        for cell in self.cells:
            for process, series in enumerate(cell.rounds):
                own = self._without_common_trend(cell, process, series)
                trend = drift([float(milliseconds) for milliseconds in own])
                if trend is not None and trend.drifting:
                    drifts[cell.place] = trend
        return drifts

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; times in milliseconds or seconds, as the keys say."""
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
            "left_out": [vars(cell) for cell in self.left_out],
            "crossings": [
                vars(crossing)
                | {
                    "ratio_before": vars(crossing.ratio_before),
                    "ratio_after": vars(crossing.ratio_after),
                }
                for crossing in self.crossings
            ],
            "seconds": self.seconds,
            "needed_seconds": self.needed_seconds,
        }

    def _without_common_trend(
        self, cell: Cell, process: int, series: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Divide the latencies of a cell by the trend of all other cells, if there are enough."""
        import numpy as np

        others = [
            np.log(neighbour.rounds[process])
            for neighbour in self.cells
            if neighbour is not cell
            and process < len(neighbour.rounds)
            and len(neighbour.rounds[process]) == len(series)
        ]
        if len(others) < _LEAST_NEIGHBOURS:
            return series
        common = np.median([logs - np.median(logs) for logs in others], axis=0)
        alone: NDArray[np.float64] = np.exp(np.log(series) - common)
        return alone

    def _crossings(self) -> Iterator[Crossing]:
        cells = {cell.place: cell for cell in self.cells}
        threads = sorted({cell.threads for cell in self.cells})
        batches = sorted({cell.batch for cell in self.cells})
        for first, second in combinations(self.names, 2):
            for number in threads:
                last: tuple[int, Estimate] | None = None
                for batch in batches:
                    pair = cells.get((first, number, batch)), cells.get((second, number, batch))
                    if pair[0] is None or pair[1] is None:
                        continue
                    rounds = _same_rounds(pair[0], pair[1])
                    ratio = ratios.ratio(*rounds)
                    if not _has_interval(rounds[0]) or ratio.low <= 1 <= ratio.high:
                        continue  # not shown to differ
                    if last is not None and (last[1].value < 1) != (ratio.value < 1):
                        yield _crossing(first, second, number, last, (batch, ratio))
                    last = batch, ratio


def _has_interval(rounds: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether there are several processes, or enough rounds in one for a bootstrap."""
    return len(rounds) > 1 or any(len(series) >= _LEAST_ROUNDS for series in rounds)


def _same_rounds(
    first: Cell, second: Cell
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return the times of the rounds in which both cells were measured."""
    lengths = [min(len(a), len(b)) for a, b in zip(first.rounds, second.rounds, strict=False)]
    return (
        [series[:n] for series, n in zip(first.rounds, lengths, strict=False)],
        [series[:n] for series, n in zip(second.rounds, lengths, strict=False)],
    )


def _crossing(
    first: str,
    second: str,
    threads: int,
    before: tuple[int, Estimate],
    after: tuple[int, Estimate],
) -> Crossing:
    if before[1].value < 1:
        return Crossing(first, second, threads, before[0], after[0], before[1], after[1])
    return Crossing(
        second, first, threads, before[0], after[0], _inverse(before[1]), _inverse(after[1])
    )


def _inverse(ratio: Estimate) -> Estimate:
    return Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low, ratio.level)
