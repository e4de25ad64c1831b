"""Turn the samples of a run into what is reported: entries, pairs and controls."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from math import exp
from typing import Any

from zoodiff.display import Displayed, Shown
from zoodiff.latency.benchmark import Measured, Samples, originals
from zoodiff.latency.verdicts import Judged, PairVerdict, control, judge
from zoodiff.results import Control
from zoodiff.stats import ratios
from zoodiff.stats.drift import drift
from zoodiff.stats.intervals import Estimate


@dataclass(frozen=True)
class Row:
    """The latency of one entry; times are milliseconds per batch."""

    name: str
    entry: str
    weights: str
    """State of the weights: published, random, placeholder, trained or file."""
    median: Estimate
    p90: float
    p99: float
    batch: int
    images_per_second: float
    """Throughput of calls in direct succession, at this batch size."""
    peak_rss_bytes: int
    """Peak resident memory of its process, including the framework."""
    paused: float | None
    """Median of calls with 10 ms of idle time before each; None if not measured."""
    overhead: float
    """Timer overhead: the latency of a network that does nothing."""
    calls: int
    conditions: dict[str, str]
    """The conditions under which it was timed, by name."""


@dataclass(frozen=True)
class Pair:
    """The ratio of two entries' latencies, first over second, and its verdict."""

    first: str
    second: str
    ratio: Estimate
    verdict: PairVerdict
    """About the first entry: ``slower`` means that the first is slower."""


@dataclass(frozen=True, repr=False)
class Timings(Displayed):
    """The measured samples and their verdicts."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    controls: tuple[Control, ...]
    floor_percent: float | None
    """Noise floor: smaller differences do not count in this run; None without a control."""
    covered: bool | None
    """Whether the 95 % intervals of all controls contain 1; None without a control."""
    within_percent: float
    processes: int
    stopped: str
    needed_seconds: float | None
    seconds: float
    """Measuring time, of all entries together."""
    loading_seconds: float
    """Time to start processes and load networks; not part of ``seconds``."""
    system_noise: tuple[str, ...]
    failures: dict[str, str]
    recorded: str | None = None
    """When the run was measured, if it was read from the store."""

    def pair(self, first: str, second: str) -> Pair | None:
        """Return the pair in this order; None if it was not compared."""
        return next((p for p in self.pairs if (p.first, p.second) == (first, second)), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        controls = [aa_control.model_dump() for aa_control in self.controls]
        return asdict(self) | {"controls": controls}

    def _shown(self) -> Shown:
        fastest = min(self.rows, key=lambda row: row.median.value, default=None)
        said = f", fastest {fastest.name} with {fastest.median.value:.4g} ms" if fastest else ""
        return Shown(
            f"latency of {len(self.rows)} entries{said}",
            [
                *((f"{pair.first} to {pair.second}", _ratio(pair)) for pair in self.pairs),
                *(
                    (f"control {each.entry}", f"{each.noise_percent:.1f} %")
                    for each in self.controls
                ),
                *(("system", sentence) for sentence in self.system_noise),
                *((f"failed: {name}", reason) for name, reason in self.failures.items()),
            ],
            self.to_dict()["rows"],
            ("name", "median", "p90", "p99", "batch", "images_per_second", "weights"),
        )


def read(measured: Measured, *, within_percent: float = 5.0) -> Timings:
    """Judge every pair of a run against the controls of the same run.

    The verdict ``the same`` requires an interval within ``within_percent`` of equal latencies.
    """
    compared = originals(measured.samples)
    controls = []
    for copy in measured.samples:
        if not copy.subject.copy:
            continue
        original = measured.samples_of(copy.subject.of)
        if original is not None:
            ratio = ratios.ratio(original.rounds, copy.rounds)
            controls.append(control(original.subject.name, ratio))
    estimates = [Estimate(c.ratio.value, c.ratio.low, c.ratio.high) for c in controls]
    floor = ratios.noise_floor(estimates)
    pairs = []
    for first, second in combinations(compared, 2):
        judged: Judged = judge(first.rounds, second.rounds, floor, within_percent)
        pairs.append(Pair(first.subject.name, second.subject.name, judged.ratio, judged.verdict))
    return Timings(
        rows=tuple(_row(samples) for samples in compared),
        pairs=tuple(pairs),
        controls=tuple(controls),
        floor_percent=100 * (exp(floor) - 1) if controls else None,
        covered=all(estimate.low <= 1 <= estimate.high for estimate in estimates)
        if controls
        else None,
        within_percent=within_percent,
        processes=measured.processes,
        stopped=measured.stopped,
        needed_seconds=measured.needed_seconds,
        seconds=measured.seconds,
        loading_seconds=measured.loading_seconds,
        system_noise=measured.system_noise,
        failures={subject.name: reason for subject, reason in measured.failures},
    )


def _row(samples: Samples) -> Row:
    import numpy as np

    subject = samples.subject
    times = samples.call_times
    median = ratios.latency(samples.medians)
    return Row(
        name=subject.name,
        entry=str(subject.entry.ref),
        weights=samples.loaded.weights_state,
        median=median,
        p90=times.p90,
        p99=times.p99,
        batch=subject.conditions.batch,
        images_per_second=1000 * subject.conditions.batch / median.value,
        peak_rss_bytes=samples.peak_rss_bytes,
        paused=float(np.median(samples.paused_ms)) if samples.paused_ms else None,
        overhead=samples.overhead_ms,
        calls=times.calls,
        conditions=dict(samples.loaded.conditions.values),
    )


def unsettled(samples: Samples) -> float | None:
    """Return by how many percent latencies drifted in the later rounds of most processes.

    None if most processes show no drift, their directions differ, or rounds are too few to tell.
    """
    import numpy as np

    trends = [drift([float(ms) for ms in rounds]) for rounds in samples.rounds]
    drifts = [trend.share for trend in trends if trend is not None and trend.drifting]
    if 2 * len(drifts) <= len(samples.rounds) or abs(sum(np.sign(drifts))) < len(drifts):
        return None
    return 100 * float(np.median(drifts))


def _ratio(pair: Pair) -> str:
    ratio = pair.ratio
    return f"{pair.verdict}, ratio {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
