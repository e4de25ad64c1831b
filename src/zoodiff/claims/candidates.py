"""Networks to choose from: per set of weights and input size, what a zoo claims about it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from zoodiff.claims.catalogue import Claim
from zoodiff.claims.machines import Conditions, Setup, grouped, named_machine
from zoodiff.claims.times import LatencyClaim

Origin = Literal["claim", "measured", "computed"]
_BYTES_PER_PARAMETER = {"fp32": 4, "int8": 1}


@dataclass(frozen=True)
class Figure:
    """A number of a candidate, and where it is from."""

    value: float
    origin: Origin
    """``computed``: from claimed parameters and precision."""
    source: str
    """Repository, path and commit of a claim; conditions of a measurement."""
    doubtful: str | None = None
    """Why the number is implausible."""


@dataclass(frozen=True)
class Candidate:
    """A network with one set of weights at one input size."""

    name: str
    """``zoo:model@weights``; the zoo's own names if zoodiff has no such entry."""
    is_entry: bool
    """Whether zoodiff can load it."""
    zoo: str
    model: str
    """Model of the entry, or else the zoo's name."""
    architecture: str
    precision: str
    input_size: int | None
    """Pixels."""
    extra_data: str | None
    top1_percent: Figure | None = None
    macs: Figure | None = None
    bytes: Figure | None = None
    milliseconds: Figure | None = None
    """Of one step of a batch; which, the report says."""


def candidates(claims: Iterable[Claim]) -> list[Candidate]:
    """Return one candidate per name, input size and precision; several claims are merged.

    Of several accuracies of one candidate, that which the zoo measured is taken, then the one
    published last.
    """
    groups: dict[tuple[str, int | None, str], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[_name(claim), claim.input_height, claim.precision].append(claim)
    return [_candidate(name, members) for (name, *_), members in groups.items()]


def _name(claim: Claim) -> str:
    if claim.entry is not None or not claim.weights or claim.weights in claim.model:
        return claim.label
    return f"{claim.label}@{claim.weights.replace(' ', '_')}"


def _preference(claim: Claim) -> tuple[bool, bool, bool, str]:
    day = claim.published_on.isoformat() if claim.published_on else ""
    has = claim.top1_percent is not None
    return has, not _doubt(claim, "top1_percent"), claim.provenance == "measured", day


def _candidate(name: str, members: list[Claim]) -> Candidate:
    best = max(members, key=_preference)
    ordered = [best, *(claim for claim in members if claim is not best)]
    return Candidate(
        name=name,
        is_entry=best.entry is not None,
        zoo=best.zoo,
        model=best.entry_model or best.model,
        architecture=best.architecture,
        precision=best.precision,
        input_size=best.input_height,
        extra_data=best.extra_data,
        top1_percent=_figure(ordered, "top1_percent"),
        macs=_figure(ordered, "macs"),
        bytes=_figure(ordered, "bytes") or _computed_bytes(ordered),
    )


def _figure(claims: Iterable[Claim], column: str) -> Figure | None:
    for claim in claims:
        value = getattr(claim, column)
        if value is not None:
            return Figure(float(value), "claim", claim.source, _doubt(claim, column))
    return None


def _computed_bytes(claims: Iterable[Claim]) -> Figure | None:
    """Return the bytes of the claimed parameters; None if they leave the classifier out."""
    for claim in claims:
        counts_all = not (claim.parameters_count or "").endswith("_classifier")
        if claim.parameters is not None and counts_all:
            return Figure(
                float(claim.parameters * _BYTES_PER_PARAMETER[claim.precision]),
                "computed",
                claim.source,
                _doubt(claim, "parameters"),
            )
    return None


def _doubt(claim: Claim, column: str) -> str | None:
    """Return the sentences of the claim's doubt that are about a column."""
    sentences = (claim.doubtful or "").split("; ")
    return "; ".join(text for text in sentences if text.startswith(column)) or None


@dataclass(frozen=True)
class PublishedTimes:
    """Published times on one machine, of which all are comparable."""

    setup: Setup
    conditions: Conditions
    by_model: dict[tuple[str, str, int], Figure]
    """(zoo, model, input size in pixels) -> milliseconds."""

    def of(self, candidate: Candidate) -> Figure | None:
        """Return the time of a candidate; timm's benchmarks name no pretraining tag."""
        if candidate.input_size is None or candidate.precision != "fp32":
            return None
        model = candidate.model.partition(".")[0] if candidate.zoo == "timm" else candidate.model
        return self.by_model.get((candidate.zoo, model, candidate.input_size))


def published_times(
    claims: Iterable[LatencyClaim], machine: str, wanted: Iterable[Candidate]
) -> PublishedTimes:
    """Return the times on a machine, under those conditions that most candidates have.

    Raises UnknownNameError for an unknown machine. Doubtful times are left out.
    """
    usable = [claim for claim in claims if claim.machine and claim.milliseconds]
    name = named_machine(usable, machine)
    usable = [claim for claim in usable if claim.machine == name and not claim.doubtful]
    listed = list(wanted)
    options = []
    for (setup, conditions), group in grouped(usable).items():
        by_model: dict[tuple[str, str, int], Figure] = {}
        for network, members in group.items():
            time = statistics.median(c.milliseconds for c in members if c.milliseconds)
            key = (conditions.zoo, network.model, network.image_size)
            by_model[key] = Figure(time, "claim", members[0].source)
        options.append(PublishedTimes(setup, conditions, by_model))
    return max(
        options,
        key=lambda times: (sum(times.of(each) is not None for each in listed), times.conditions),
    )
