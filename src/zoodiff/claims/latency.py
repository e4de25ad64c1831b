"""Latencies on a CPU that zoos publish, parsed from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoodiff.claims.catalogue import Claim, claims_of

_CPU = re.compile(r"(?<![\w.])CPU (\d+(?:\.\d+)?) ?ms")


@dataclass(frozen=True)
class ClaimedLatency:
    """A published latency on a CPU, with its published conditions."""

    zoo: str
    model: str
    milliseconds: float
    conditions: str
    """The published text without the numbers; latencies with equal conditions are comparable."""


def cpu_milliseconds(published: str) -> float | None:
    """Return the latency on a CPU in a zoo's text, in milliseconds; None if it has none.

    >>> cpu_milliseconds("CPU 58.2 ms; GPU 4.6 ms per inference step (AMD EPYC)")
    58.2
    >>> cpu_milliseconds("ms bs=1=2.54; ms bs=4=4.79")
    """
    match = _CPU.search(published)
    return float(match[1]) if match else None


def of_model(zoo: str, model: str) -> list[ClaimedLatency]:
    """Return the latencies on a CPU that a zoo publishes for a model."""
    latencies = []
    for claim in claims_of(zoo, model):
        if claim.latency_as_published is None:
            continue
        value = cpu_milliseconds(claim.latency_as_published)
        if value is not None:
            latencies.append(ClaimedLatency(zoo, model, value, _conditions(claim)))
    return latencies


def _conditions(claim: Claim) -> str:
    return re.sub(r"\d+(?:\.\d+)? ?ms", "... ms", claim.latency_as_published or "")
