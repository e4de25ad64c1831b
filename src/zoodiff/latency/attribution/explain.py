"""Why latencies differ: the same networks once more in a common runtime, in the same schedule.

The architectures, the frameworks and what is inside one network only each have their factor
(``decomposition.py``), layers their share of the difference (``layer_profile.py``), and each
network its distance from what the machine can do (``roofline.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from zoodiff.architecture.diff import diff
from zoodiff.engines.local import LocalEngine
from zoodiff.equivalence.reference_runtime import Prepared, prepared_all
from zoodiff.errors import ZoodiffError
from zoodiff.graph.cost import count
from zoodiff.host.peaks import Peaks, measure_peaks
from zoodiff.latency.attribution import reference_runs
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.attribution.layer_profile import LatencyProfile, profile_pair
from zoodiff.latency.attribution.roofline import Roofline, roofline
from zoodiff.latency.benchmark import Measured
from zoodiff.latency.subject import TimedEntry
from zoodiff.stats import ratios
from zoodiff.zoos.runtime.modes import on_device


@dataclass(frozen=True)
class Beside:
    """Entries, their files in the common runtime, and who times those."""

    subjects: tuple[TimedEntry, ...]
    prepared: tuple[Prepared, ...]
    """One of each entry; of one entry in several modes, the same."""

    @property
    def companions(self) -> tuple[TimedEntry, ...]:
        """Who is timed beside the entries."""
        return reference_runs.companions(self.subjects, self.prepared)

    def macs(self) -> dict[str, int]:
        """Multiply-accumulates of one image, by the entry's name, as far as known."""
        return {
            one.name: int(count(files.graph).macs)
            for one, files in zip(self.subjects, self.prepared, strict=True)
            if files.graph is not None
        }


@dataclass(frozen=True)
class PairWhy:
    """Why the latencies of a pair differ."""

    first: str
    second: str
    parts: RatioParts
    profile: LatencyProfile | None = None
    profile_reason: str = ""
    """Why there is no profile."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "parts": self.parts.to_dict(),
            "profile": self.profile.to_dict() if self.profile else None,
            "profile_reason": self.profile_reason,
        }


@dataclass(frozen=True)
class Reasons:
    """Everything that says why; empty where nobody asked."""

    pairs: tuple[PairWhy, ...] = ()
    peaks: Peaks | None = None
    rooflines: tuple[Roofline, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        if not self.pairs and self.peaks is None:
            return {}
        return {
            "why": [one.to_dict() for one in self.pairs],
            "peaks": self.peaks.to_dict() if self.peaks else None,
            "rooflines": [one.to_dict() for one in self.rooflines],
        }


def reasons(engine: LocalEngine, found: Beside, measured: Measured) -> Reasons:
    """Take all pairs of a run apart, and hold each network to the peaks of this machine."""
    pairs = tuple(explain(engine, found, measured))
    peaks, lines = rooflines(engine, found, measured)
    return Reasons(pairs, peaks, tuple(lines))


def beside(engine: LocalEngine, subjects: Sequence[TimedEntry], folder: Path, seed: int) -> Beside:
    """Bring entries to the common runtime, as files in a folder that exists.

    What cannot be brought there has a reason in its ``Prepared``, as has what runs on a device: the
    common runtime and the peaks are the CPU's. Nothing is raised for it.
    """
    entries = {
        str(one.entry.ref): one.entry for one in subjects if not on_device(one.conditions.mode)
    }
    batch = subjects[0].conditions.batch
    made = prepared_all(engine, list(entries.values()), folder, batch=batch, seed=seed)
    by_entry = dict(zip(entries, made, strict=True))
    elsewhere = {
        one.name: Prepared(
            str(one.entry.ref),
            batch,
            reason=f"{one.name} runs on a CUDA device, and the common runtime on the CPU",
        )
        for one in subjects
        if on_device(one.conditions.mode)
    }
    found = (elsewhere.get(one.name) or by_entry[str(one.entry.ref)] for one in subjects)
    return Beside(tuple(subjects), tuple(found))


def explain(engine: LocalEngine, found: Beside, measured: Measured) -> Iterator[PairWhy]:
    """Take every pair that was measured apart, and profile its layers."""
    sides = list(zip(found.subjects, found.prepared, strict=True))
    for (first, one), (second, other) in combinations(sides, 2):
        if any(measured.samples_of(c.name) is None for c in (first, second)):
            continue
        parts = reference_runs.parts_of(measured, first, second, (one, other))
        profile, reason = None, parts.reason
        if not reason and first.entry != second.entry:
            profile, reason = _profile(engine, (one, other), first.conditions.threads)
        yield PairWhy(first.name, second.name, parts, profile, reason)


def _profile(
    engine: LocalEngine, both: tuple[Prepared, Prepared], threads: int
) -> tuple[LatencyProfile | None, str]:
    a, b = both
    if a.source is None or b.source is None:
        return None, a.reason or b.reason
    try:
        differing = diff(a.source, b.source, a.entry, b.entry)
        return profile_pair(engine, differing, both, threads=threads), ""
    except ZoodiffError as error:
        return None, str(error)


def rooflines(
    engine: LocalEngine, found: Beside, measured: Measured
) -> tuple[Peaks | None, list[Roofline]]:
    """Each entry against the peaks of this machine; nothing where these cannot be had."""
    known = [
        (one, files.graph)
        for one, files in zip(found.subjects, found.prepared, strict=True)
        if files.graph is not None and measured.samples_of(one.name) is not None
    ]
    if not known:
        return None, []
    try:
        peaks = measure_peaks(engine, threads=known[0][0].conditions.threads)
    except ZoodiffError:
        return None, []
    return peaks, [
        roofline(
            graph,
            one.name,
            peaks,
            batch=one.conditions.batch,
            native_ms=_milliseconds(measured, one.name),
            common_ms=_milliseconds(measured, reference_runs.common(one)),
        )
        for one, graph in known
    ]


def _milliseconds(measured: Measured, name: str) -> float | None:
    samples = measured.samples_of(name)
    return ratios.latency(samples.medians).value if samples else None
