"""Measure the peaks of this machine, from which a roofline is drawn.

S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52(4), 2009. Both peaks are measured: the
arithmetic rate as single-precision multiply-accumulates per second of a matrix product in cache,
in numpy's library and in ONNX Runtime; the memory bandwidth as bytes per second of arrays larger
than the last-level cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError
from zoodiff.host.machine import machine
from zoodiff.workers import messages
from zoodiff.zoos.files.formats import ONNX

_KERNELS = 4
"""Number of kernels that are timed one after the other, and share the measuring time."""


@dataclass(frozen=True)
class Peaks:
    """Multiply-accumulates and bytes per second, by the kernel that measured them."""

    threads: int
    macs_by: Mapping[str, float]
    bytes_by: Mapping[str, float]
    array_bytes: int
    """Size of each array that was moved."""

    @property
    def macs_per_second(self) -> float:
        """Multiply-accumulates per second of the fastest kernel."""
        return max(self.macs_by.values())

    @property
    def bytes_per_second(self) -> float:
        """Bytes per second of the fastest kernel."""
        return max(self.bytes_by.values())

    @property
    def ridge(self) -> float:
        """MACs per byte above which arithmetic, below which memory bandwidth is the limit."""
        return self.macs_per_second / self.bytes_per_second

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **asdict(self),
            "macs_per_second": self.macs_per_second,
            "bytes_per_second": self.bytes_per_second,
            "ridge_macs_per_byte": self.ridge,
        }


def measure_peaks(pool: WorkerPool, *, threads: int = 1, seconds: float = 2.0) -> Peaks:
    """Measure the peaks in a worker with this number of threads, in about ``seconds``.

    Raises a ZoodiffError if they cannot be measured, for example without the ``onnx`` extra, whose
    worker runs the kernels. On a busy machine the peaks are too low, although each kernel is timed
    in short pieces, of which the fastest counts.
    """
    worker = pool.worker(ONNX.worker, "peaks", threads=threads)
    answer = worker.peaks(
        messages.Peaks(threads, seconds / _KERNELS, machine().last_level_cache),
        doing="measuring the peaks of this machine",
    )
    pool.release(ONNX.worker, "peaks")
    return peaks_of(answer)


def peaks_of(answer: messages.MeasuredPeaks) -> Peaks:
    """Return the peaks that a worker measured; raise MeasurementError if it failed."""
    macs, moved = (
        {name: rate for name, rate in rates.items() if rate}
        for rates in (answer.macs_per_second, answer.bytes_per_second)
    )
    if not macs or not moved:
        raise MeasurementError("the peaks of this machine could not be measured")
    return Peaks(answer.threads, macs, moved, answer.array_bytes)
