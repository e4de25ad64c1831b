"""What differs between the graphs of two entries, as a record; nothing is run for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff._version import __version__
from zoodiff.architecture.diff import diff
from zoodiff.equivalence.outputs import NO_EFFECT
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph
from zoodiff.host.provenance import hardware, now
from zoodiff.rules.findings import Finding
from zoodiff.store.records import (
    ArchitectureValues,
    DifferenceValues,
    FindingValues,
    Record,
    key_of,
)

MOST_FINDINGS = 40
"""Findings that a record holds; networks without a layer in common have hundreds."""
_LONGEST = 300
"""Characters of a text in a record; names of layers and shapes come from files."""


@dataclass(frozen=True)
class GraphPair:
    """The records of two described entries whose graphs are to be compared."""

    first: Record
    second: Record

    @property
    def key(self) -> str:
        """The key of the record of their difference."""
        return key_of(
            kind="difference",
            records=[self.first.key, self.second.key],
            zoodiff=__version__,
            names_graphs=True,
        )

    def record(self, first: Graph, second: Graph, kept: Sequence[str] = ()) -> Record:
        """Compare both graphs and return the record; ``kept`` are the digests of both in the store.

        Raises MeasurementError if they cannot be compared.
        """
        begun, clock = now(), time.perf_counter()
        values = _compared(self, first, second)
        seconds = time.perf_counter() - clock
        return self.first.model_copy(
            update={
                "key": self.key,
                "hardware": hardware(),
                "started": begun,
                "finished": now(),
                "conditions": {"other": self.second.key},
                "values": values.model_copy(update={"seconds": seconds, "graphs": list(kept)}),
            }
        )


def _compared(pair: GraphPair, first: Graph, second: Graph) -> DifferenceValues:
    try:
        graphs = diff(first, second, pair.first.entry, pair.second.entry)
        answer = from_graphs(graphs, NOTHING_COMPARED)
        findings = sorted(graphs.findings, key=lambda finding: finding.effect in NO_EFFECT)
        shown = [_finding(finding) for finding in findings[:MOST_FINDINGS]]
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        # A graph from a file that the comparison cannot handle costs this pair, not the run.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise MeasurementError(f"internal error, {reason}; please report it") from error
    return DifferenceValues(
        other=pair.second.entry,
        relation=answer.relation,
        sentence=_bounded(answer.sentence),
        because=list(answer.because),
        of_effect=list(answer.evidence.graph.of_effect),
        up_to=list(answer.up_to),
        sameness=graphs.sameness,
        findings=shown,
        more_findings=len(findings) - len(shown),
        fingerprints=[pair.first.fingerprint, pair.second.fingerprint],
        structures=[_structure(pair.first), _structure(pair.second)],
        seconds=0.0,
    )


def _finding(finding: Finding) -> FindingValues:
    return FindingValues(
        code=finding.code,
        name=finding.name,
        effect=finding.effect,
        has_effect=finding.effect not in NO_EFFECT,
        left=_bounded(finding.left),
        right=_bounded(finding.right),
        count=finding.count,
        noun=finding.noun or "layers",
        places=_bounded(finding.where),
    )


def _structure(record: Record) -> str | None:
    return record.values.structure if isinstance(record.values, ArchitectureValues) else None


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
