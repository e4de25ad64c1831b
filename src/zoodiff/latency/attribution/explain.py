"""Explain latency ratios by timing the same networks in the reference runtime, in the same rounds.

``decomposition.py`` computes one factor each for architecture, framework and pre/post-processing
inside one network, ``layer_profile.py`` the share of each layer, and ``roofline.py`` the distance
of each network from the peaks of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from zoodiff.architecture.diff import diff
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.reference_runtime import ReferenceModel, reference_models
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
    """Timed entries and their reference models."""

    subjects: tuple[TimedEntry, ...]
    models: tuple[ReferenceModel, ...]
    """One per timed entry, in the same order; the modes of one entry share a model."""

    @property
    def references(self) -> tuple[TimedEntry, ...]:
        """The reference models as timed entries, to be timed in the same run."""
        return reference_runs.reference_entries(self.subjects, self.models)

    def macs(self) -> dict[str, int]:
        """Return multiply-accumulates per image by entry name, for entries with a known graph."""
        return {
            subject.name: int(count(model.graph).macs)
            for subject, model in zip(self.subjects, self.models, strict=True)
            if model.graph is not None
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
        """Return plain values for JSON."""
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
        """Return plain values for JSON."""
        if not self.pairs and self.peaks is None:
            return {}
        return {
            "why": [pair.to_dict() for pair in self.pairs],
            "peaks": self.peaks.to_dict() if self.peaks else None,
            "rooflines": [line.to_dict() for line in self.rooflines],
        }


def attribute(pool: WorkerPool, setup: ReferenceSetup, measured: Measured) -> Attribution:
    """Explain the ratio of every pair, and compare each network with the machine's peaks."""
    pairs = tuple(attribute_pairs(pool, setup, measured))
    peaks, lines = rooflines(pool, setup, measured)
    return Attribution(pairs, peaks, tuple(lines))


def prepare_references(
    pool: WorkerPool, subjects: Sequence[TimedEntry], folder: Path, seed: int
) -> ReferenceSetup:
    """Export every entry to the reference runtime, as files in an existing folder.

    An entry that cannot be exported, or that runs on a CUDA device (the reference runtime and the
    peaks are those of the CPU), gets a ``ReferenceModel`` with a reason; no error is raised.
    """
    entries = {
        str(subject.entry.ref): subject.entry
        for subject in subjects
        if not on_device(subject.conditions.mode)
    }
    batch = subjects[0].conditions.batch
    exported = reference_models(pool, list(entries.values()), folder, batch=batch, seed=seed)
    by_entry = dict(zip(entries, exported, strict=True))
    on_cuda = {
        subject.name: ReferenceModel(
            str(subject.entry.ref),
            batch,
            reason=f"{subject.name} runs on a CUDA device, and the reference runtime on the CPU",
        )
        for subject in subjects
        if on_device(subject.conditions.mode)
    }
    models = tuple(
        on_cuda.get(subject.name) or by_entry[str(subject.entry.ref)] for subject in subjects
    )
    return ReferenceSetup(tuple(subjects), models)


def attribute_pairs(
    pool: WorkerPool, setup: ReferenceSetup, measured: Measured
) -> Iterator[PairAttribution]:
    """Decompose the ratio of every measured pair and profile its layers."""
    sides = list(zip(setup.subjects, setup.models, strict=True))
    for (first, first_model), (second, second_model) in combinations(sides, 2):
        if any(measured.samples_of(subject.name) is None for subject in (first, second)):
            continue
        models = first_model, second_model
        parts = reference_runs.parts_of(measured, first, second, models)
        profile, reason = None, parts.reason
        if not reason and first.entry != second.entry:
            profile, reason = profile_models(pool, models, first.conditions.threads)
        yield PairAttribution(first.name, second.name, parts, profile, reason)


def profile_models(
    pool: WorkerPool, models: tuple[ReferenceModel, ReferenceModel], threads: int
) -> tuple[LatencyProfile | None, str]:
    """Return the layer profile of two models, or None and the reason why there is none."""
    a, b = models
    if a.source is None or b.source is None:
        return None, a.reason or b.reason
    try:
        compared = diff(a.source, b.source, a.entry, b.entry)
        return profile_pair(pool, compared, models, threads=threads), ""
    except ZoodiffError as error:
        return None, str(error)


def rooflines(
    pool: WorkerPool, setup: ReferenceSetup, measured: Measured
) -> tuple[Peaks | None, list[Roofline]]:
    """Compare each entry with the machine's peaks; empty if the peaks cannot be measured."""
    known = [
        (subject, model.graph)
        for subject, model in zip(setup.subjects, setup.models, strict=True)
        if model.graph is not None and measured.samples_of(subject.name) is not None
    ]
    if not known:
        return None, []
    try:
        peaks = measure_peaks(pool, threads=known[0][0].conditions.threads)
    except ZoodiffError:
        return None, []
    return peaks, [
        roofline(
            graph,
            subject.name,
            peaks,
            batch=subject.conditions.batch,
            native_ms=_milliseconds(measured, subject.name),
            reference_ms=_milliseconds(measured, reference_runs.whole(subject)),
        )
        for subject, graph in known
    ]


def _milliseconds(measured: Measured, name: str) -> float | None:
    samples = measured.samples_of(name)
    return ratios.latency(samples.medians).value if samples else None
