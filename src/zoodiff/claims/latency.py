"""Latencies that zoos publish on a processor, as far as their words say which number that is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoodiff.claims.catalogue import Claim, claims_of

_CPU = re.compile(r"(?<![\w.])CPU (\d+(?:\.\d+)?) ?ms")


@dataclass(frozen=True)
class ClaimedLatency:
    """A published latency on a processor, with its published conditions."""

    zoo: str
    model: str
    milliseconds: float
    conditions: str
    """The published words without the numbers; two are comparable where these are equal."""


def cpu_milliseconds(published: str) -> float | None:
    """Parse a latency on a processor from a zoo's text; None if it has none.

    >>> cpu_milliseconds("CPU 58.2 ms; GPU 4.6 ms per inference step (AMD EPYC)")
    58.2
    >>> cpu_milliseconds("ms bs=1=2.54; ms bs=4=4.79")
    """
    found = _CPU.search(published)
    return float(found[1]) if found else None


def of_model(zoo: str, model: str) -> list[ClaimedLatency]:
    """Return a zoo's published latency of a model on a processor."""
    found = []
    for claim in claims_of(zoo, model):
        if claim.latency_as_published is None:
            continue
        value = cpu_milliseconds(claim.latency_as_published)
        if value is not None:
            found.append(ClaimedLatency(zoo, model, value, _conditions(claim)))
    return found


def _conditions(claim: Claim) -> str:
    return re.sub(r"\d+(?:\.\d+)? ?ms", "... ms", claim.latency_as_published or "")
