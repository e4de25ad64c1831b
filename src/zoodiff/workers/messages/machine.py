"""Messages about the process and the machine: runtime info and measured peaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Asks for the runtime info of the process; imports the framework to include its threads."""


@dataclass(frozen=True)
class Peaks:
    """Asks for the peaks that the process measures."""

    threads: int
    each_seconds: float
    cache_bytes: int | None


@dataclass(frozen=True)
class RuntimeInfo:
    """Versions, thread pools and environment variables of a worker process."""

    python: str
    libraries: dict[str, str]
    threading: list[dict[str, object]] | None
    """Thread pools of BLAS and OpenMP libraries; None if unknown."""
    frameworks: dict[str, dict[str, int]]
    """Threads by framework, ``intra`` and ``inter``."""
    variables: dict[str, str]


@dataclass(frozen=True)
class MeasuredPeaks:
    """MACs and bytes per second, by the method of measurement."""

    threads: int
    macs_per_second: dict[str, float | None]
    bytes_per_second: dict[str, float | None]
    array_bytes: int
