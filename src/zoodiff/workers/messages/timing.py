"""Messages about the latency and the memory of loaded networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scenario = Literal["single-stream", "offline", "server"]
"""A scenario of MLPerf Inference."""


@dataclass(frozen=True)
class Time:
    """Times single inferences on one fixed standard-normal input.

    The handle ``identity`` is a network that returns its input, and needs no loading.
    """

    handle: str
    calls: int
    batch: int
    seed: int
    settle_ms: float = 0.0
    """Duration of the untimed calls that come first."""
    pause_ms: float = 0.0
    """Duration of the sleep before each timed call."""


@dataclass(frozen=True)
class Memory:
    """Asks for the peak of resident memory so far."""


@dataclass(frozen=True)
class Size:
    """Asks for the bytes of a loaded network's weights."""

    handle: str


@dataclass(frozen=True)
class ScenarioLoad:
    """The load of one MLPerf scenario."""

    scenario: Scenario
    seconds: float
    """Least duration."""
    queries: int
    """Least number of queries (offline: of images)."""
    batch: int = 1
    """Offline: images per call. Server: most waiting queries per call."""
    rate: float = 0.0
    """Server: queries per second. Offline: expected images per second."""
    bound_ms: float = 0.0
    """Server: latency above which a query is late."""
    allowed: float = 0.01
    """Server: share of queries that may be late, a fraction."""
    seed: int = 0


@dataclass(frozen=True)
class LoadTest:
    """Runs an MLPerf load test; see ``zoodiff.workers.inside.scenarios``."""

    handle: str
    load: ScenarioLoad
    generator: str = ""


@dataclass(frozen=True)
class Profile:
    """Asks for the latency of each operator of an ONNX file."""

    path: str
    runs: int
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Times:
    """The latency of each call, milliseconds."""

    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class PeakMemory:
    """The peak of resident memory so far."""

    peak_rss_bytes: int


@dataclass(frozen=True)
class WeightsSize:
    """Bytes of a network's weights as stored; None if unknown."""

    weights_bytes: int | None


@dataclass(frozen=True)
class Percentiles:
    """The mean and percentiles of latencies, milliseconds."""

    mean: float
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class LoadTested:
    """The result of an MLPerf load test."""

    generator: str
    """``LoadGen`` and its version, or ``zoodiff``."""
    queries: int
    images: int
    seconds: float
    images_per_second: float
    latency_ms: Percentiles
    late: int = 0
    """Server: number of late queries."""
    given_up: bool = False
    """Server: whether the test ended early, because too many queries were late."""


@dataclass(frozen=True)
class OperatorTime:
    """The latency of one operator."""

    name: str
    op: str
    outputs: list[str]
    """Names of its output tensors; empty if unknown."""
    weight: list[int] | None
    """Shape of its second input; None without one."""
    ms: list[float]
    """Latency per run, milliseconds."""


@dataclass(frozen=True)
class Profiled:
    """The latency of an ONNX file by operator."""

    operators: list[OperatorTime]
    runs_ms: list[float]
    """Latency of the whole network per run, including the time between operators."""
