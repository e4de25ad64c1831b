"""The types of a ``LatencyReport``'s parts."""

from __future__ import annotations

from zoodiff.host.environment import Environment
from zoodiff.host.peaks import Peaks
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.attribution.layer_profile import LatencyProfile, Row
from zoodiff.latency.attribution.roofline import Roofline
from zoodiff.latency.cold_start import STAGES, Cold, Spread
from zoodiff.latency.comparison import Timings
from zoodiff.latency.findings import LatencyFinding
from zoodiff.latency.mlperf_scenarios import Scenarios
from zoodiff.latency.sweep_result import Sweep
from zoodiff.stats.intervals import Estimate

__all__ = [
    "STAGES",
    "Cold",
    "Environment",
    "Estimate",
    "LatencyFinding",
    "LatencyProfile",
    "Peaks",
    "RatioParts",
    "Roofline",
    "Row",
    "Scenarios",
    "Spread",
    "Sweep",
    "Timings",
]
