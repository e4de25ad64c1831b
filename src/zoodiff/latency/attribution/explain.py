"""Explain latency ratios by timing the same networks in a reference runtime, in the same rounds.

Architecture, framework and pre/post-processing inside one network each get a factor
(``decomposition.py``), layers a share of the difference (``layer_profile.py``), and each network
its distance from the peaks of the machine (``roofline.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from zoodiff.architecture.diff import diff
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.reference_runtime import ReferenceModel, reference_models
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
class ReferenceSetup:
    """Timed entries and their models in the reference runtime."""

    subjects: tuple[TimedEntry, ...]
    models: tuple[ReferenceModel, ...]
    """One per entry, in the same order; the modes of one entry share a model."""

    @property
    def references(self) -> tuple[TimedEntry, ...]:
        """The reference models as entries to time in the same run."""
        return reference_runs.reference_entries(self.subjects, self.models)

    def macs(self) -> dict[str, int]:
        """Multiply-accumulates per image, by entry name, for every entry with a known graph."""
        return {
            one.name: int(count(files.graph).macs)
            for one, files in zip(self.subjects, self.models, strict=True)
            if files.graph is not None
        }


@dataclass(frozen=True)
class PairAttribution:
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
class Attribution:
    """Attribution of every latency ratio of a run; empty if it was not requested."""

    pairs: tuple[PairAttribution, ...] = ()
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


def attribute(engine: WorkerPool, found: ReferenceSetup, measured: Measured) -> Attribution:
    """Decompose the ratio of every pair and compare each network with the machine's peaks."""
    pairs = tuple(attribute_pairs(engine, found, measured))
    peaks, lines = rooflines(engine, found, measured)
    return Attribution(pairs, peaks, tuple(lines))


def prepare_references(
    engine: WorkerPool, subjects: Sequence[TimedEntry], folder: Path, seed: int
) -> ReferenceSetup:
    """Export every entry to the reference runtime, as files in an existing folder.

    An entry that cannot be exported, or that runs on a CUDA device (the reference runtime and the
    peaks are those of the CPU), gets a ``ReferenceModel`` with a reason; no error is raised.
    """
    entries = {
        str(one.entry.ref): one.entry for one in subjects if not on_device(one.conditions.mode)
    }
    batch = subjects[0].conditions.batch
    made = reference_models(engine, list(entries.values()), folder, batch=batch, seed=seed)
    by_entry = dict(zip(entries, made, strict=True))
    elsewhere = {
        one.name: ReferenceModel(
            str(one.entry.ref),
            batch,
            reason=f"{one.name} runs on a CUDA device, and the reference runtime on the CPU",
        )
        for one in subjects
        if on_device(one.conditions.mode)
    }
    found = (elsewhere.get(one.name) or by_entry[str(one.entry.ref)] for one in subjects)
    return ReferenceSetup(tuple(subjects), tuple(found))


def attribute_pairs(
    engine: WorkerPool, found: ReferenceSetup, measured: Measured
) -> Iterator[PairAttribution]:
    """Decompose the ratio of every measured pair and profile its layers."""
    sides = list(zip(found.subjects, found.models, strict=True))
    for (first, one), (second, other) in combinations(sides, 2):
        if any(measured.samples_of(c.name) is None for c in (first, second)):
            continue
        parts = reference_runs.parts_of(measured, first, second, (one, other))
        profile, reason = None, parts.reason
        if not reason and first.entry != second.entry:
            profile, reason = _profile(engine, (one, other), first.conditions.threads)
        yield PairAttribution(first.name, second.name, parts, profile, reason)


def _profile(
    engine: WorkerPool, both: tuple[ReferenceModel, ReferenceModel], threads: int
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
    engine: WorkerPool, found: ReferenceSetup, measured: Measured
) -> tuple[Peaks | None, list[Roofline]]:
    """Compare each entry with the machine's peaks; empty if the peaks cannot be measured."""
    known = [
        (one, files.graph)
        for one, files in zip(found.subjects, found.models, strict=True)
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
            reference_ms=_milliseconds(measured, reference_runs.whole(one)),
        )
        for one, graph in known
    ]


def _milliseconds(measured: Measured, name: str) -> float | None:
    samples = measured.samples_of(name)
    return ratios.latency(samples.medians).value if samples else None
