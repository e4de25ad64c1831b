"""A run of latency measurements as a person reads it: entries, pairs, controls, findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from math import exp
from typing import Any

from zoodiff.latency.benchmark import Measured, Samples, originals
from zoodiff.latency.verdicts import Judged, PairVerdict, control, judge
from zoodiff.results import Control
from zoodiff.stats import ratios
from zoodiff.stats.drift import drift
from zoodiff.stats.intervals import Estimate


@dataclass(frozen=True)
class Row:
    """One entry; times are milliseconds a batch."""

    name: str
    entry: str
    weights: str
    """published, random, placeholder, trained or file."""
    median: Estimate
    p90: float
    p99: float
    batch: int
    images_per_second: float
    """Of one call after the other, at this batch size."""
    peak_rss_bytes: int
    """Peak resident memory of its process, the framework included."""
    paused: float | None
    """Median of calls with 10 ms of idle time before each."""
    overhead: float
    """What the clock itself shows a call, by a network that does nothing."""
    calls: int
    conditions: dict[str, str]
    """What is inside the clock and how the network is run, by condition."""


@dataclass(frozen=True)
class Pair:
    """Two entries: the ratio of their latencies, first over second."""

    first: str
    second: str
    ratio: Estimate
    verdict: PairVerdict
    """The first's."""


@dataclass(frozen=True)
class Timings:
    """The measured samples and their verdicts."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    controls: tuple[Control, ...]
    floor_percent: float | None
    """Differences up to this are not told apart from none in this run; None without a control."""
    covered: bool | None
    """Whether the intervals of all controls hold 1, as 95 of 100 do; None without a control."""
    within_percent: float
    processes: int
    stopped: str
    needed_seconds: float | None
    seconds: float
    """Measuring time, of all entries together."""
    loading_seconds: float
    """Starting processes and loading networks, on top of it."""
    system_noise: tuple[str, ...]
    failures: dict[str, str]
    recorded: str | None = None
    """When it was measured, where it was taken from the store."""

    def pair(self, first: str, second: str) -> Pair | None:
        """The pair in this order, if it was compared."""
        return next((p for p in self.pairs if (p.first, p.second) == (first, second)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"controls": [one.model_dump() for one in self.controls]}


def read(measured: Measured, *, within_percent: float = 5.0) -> Timings:
    """Judge every pair of a run against the controls of the same run.

    Equal latencies are ``the same`` only where they are shown to be within ``within_percent``.
    """
    found = originals(measured.samples)
    controls = []
    for copy in (one for one in measured.samples if one.subject.copy):
        original = measured.samples_of(copy.subject.of)
        if original is not None:
            ratio = ratios.ratio(original.rounds, copy.rounds)
            controls.append(control(original.subject.name, ratio))
    estimates = [Estimate(c.ratio.value, c.ratio.low, c.ratio.high) for c in controls]
    floor = ratios.noise_floor(estimates)
    pairs = []
    for first, second in combinations(found, 2):
        judged: Judged = judge(first.rounds, second.rounds, floor, within_percent)
        pairs.append(Pair(first.subject.name, second.subject.name, judged.ratio, judged.verdict))
    return Timings(
        rows=tuple(_row(one) for one in found),
        pairs=tuple(pairs),
        controls=tuple(controls),
        floor_percent=100 * (exp(floor) - 1) if controls else None,
        covered=all(one.low <= 1 <= one.high for one in estimates) if controls else None,
        within_percent=within_percent,
        processes=measured.processes,
        stopped=measured.stopped,
        needed_seconds=measured.needed_seconds,
        seconds=measured.seconds,
        loading_seconds=measured.loading_seconds,
        system_noise=measured.system_noise,
        failures={one.name: reason for one, reason in measured.failures},
    )


def _row(samples: Samples) -> Row:
    import numpy as np

    one = samples.subject
    times = samples.call_times
    median = ratios.latency(samples.medians)
    return Row(
        name=one.name,
        entry=str(one.entry.ref),
        weights=samples.loaded.weights_state,
        median=median,
        p90=times.p90,
        p99=times.p99,
        batch=one.conditions.batch,
        images_per_second=1000 * one.conditions.batch / median.value,
        peak_rss_bytes=samples.peak_rss_bytes,
        paused=float(np.median(samples.paused_ms)) if samples.paused_ms else None,
        overhead=samples.overhead_ms,
        calls=times.calls,
        conditions=dict(samples.loaded.conditions.values),
    )


def unsettled(samples: Samples) -> float | None:
    """Percent by which rounds were still changing at the end of most processes, in one direction.

    None where they were not, or have too few rounds to tell.
    """
    import numpy as np

    found = [drift([float(ms) for ms in one]) for one in samples.rounds]
    drifts = [one.share for one in found if one is not None and one.drifting]
    if 2 * len(drifts) <= len(samples.rounds) or abs(sum(np.sign(drifts))) < len(drifts):
        return None
    return 100 * float(np.median(drifts))
