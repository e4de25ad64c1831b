"""What a worker process runs with, and what it reaches at best."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Asks what the process runs with; the framework is imported, so that its threads count."""


@dataclass(frozen=True)
class Peaks:
    """Asks what the process reaches at best."""

    threads: int
    each_seconds: float
    cache_bytes: int | None


@dataclass(frozen=True)
class RuntimeInfo:
    """What a worker process runs with: versions, thread pools, variables."""

    python: str
    libraries: dict[str, str]
    threading: list[dict[str, object]] | None
    """Thread pools of BLAS and OpenMP libraries; None where they cannot be told."""
    frameworks: dict[str, dict[str, int]]
    """Threads by framework, ``intra`` and ``inter``."""
    variables: dict[str, str]


@dataclass(frozen=True)
class MeasuredPeaks:
    """Multiply-accumulates and bytes per second, by how they were measured."""

    threads: int
    macs_per_second: dict[str, float | None]
    bytes_per_second: dict[str, float | None]
    array_bytes: int
