"""How long loaded networks take, and how much memory."""

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
    """Untimed calls come first for so long."""
    pause_ms: float = 0.0
    """Sleep before each timed call."""


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
    """The least duration."""
    queries: int
    """The least number of queries (offline: of images)."""
    batch: int = 1
    """Offline: images of a call. Server: waiting queries that one call may take together."""
    rate: float = 0.0
    """Server: queries per second. Offline: images per second that are expected."""
    bound_ms: float = 0.0
    """Server: the latency that counts as too late."""
    allowed: float = 0.01
    """Server: the share of queries that may be too late."""
    seed: int = 0


@dataclass(frozen=True)
class LoadTest:
    """Runs an MLPerf load test; see ``zoodiff.workers.inside.scenarios``."""

    handle: str
    load: ScenarioLoad
    generator: str = ""


@dataclass(frozen=True)
class Profile:
    """Asks how long each operator of an ONNX file takes."""

    path: str
    runs: int
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call."""

    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class PeakMemory:
    """Peak of resident memory so far."""

    peak_rss_bytes: int


@dataclass(frozen=True)
class WeightsSize:
    """Bytes of a network's weights as they are stored; None where that is not known."""

    weights_bytes: int | None


@dataclass(frozen=True)
class Percentiles:
    """Latency in milliseconds."""

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
    """Server: queries beyond the bound."""
    given_up: bool = False
    """Server: more were late than may be, so the rest was not waited for."""


@dataclass(frozen=True)
class OperatorTime:
    """Latency of one operator."""

    name: str
    op: str
    outputs: list[str]
    """Names of its tensors; empty where they are not known."""
    weight: list[int] | None
    """Shape of its second input; None without one."""
    ms: list[float]
    """Milliseconds, one number per run."""


@dataclass(frozen=True)
class Profiled:
    """Latency by operator."""

    operators: list[OperatorTime]
    runs_ms: list[float]
    """The whole runs, operators and what lies between them."""
