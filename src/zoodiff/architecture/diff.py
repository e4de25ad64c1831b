"""Compare the architectures of two networks: findings, canonical graphs, a verdict."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.graph import norm_places
from zoodiff.graph.align import Alignment, align
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import Counts, count
from zoodiff.graph.fingerprint import fingerprint, structure
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.passes import PASSES
from zoodiff.rules.engine import differences
from zoodiff.rules.findings import Finding, grouped
from zoodiff.rules.variants import variants

Sameness = Literal["same", "same up to", "different"]


@dataclass(frozen=True)
class Side:
    """One of the two networks."""

    name: str
    graph: Graph
    """The graph as the frontend built it."""
    canonical: Graph
    counts: Counts
    layers: int
    variants: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of the canonical graph."""
        return fingerprint(self.canonical, is_canonical=True)

    @property
    def structure(self) -> str:
        """Hash of the canonical graph without what exporters fold; equal for all exports."""
        return structure(self.canonical, is_canonical=True)


@dataclass(frozen=True)
class Diff:
    """What differs between two networks."""

    a: Side
    b: Side
    findings: tuple[Finding, ...]
    passes: tuple[str, ...]
    """Names of the passes that rewrote one layer of an aligned pair only: different spellings."""
    alignment: Alignment

    @property
    def sameness(self) -> Sameness:
        """Whether the two have the same architecture, judged by structure alone."""
        if any(not finding.same_architecture for finding in self.findings):
            return "different"
        return "same up to" if self.findings else "same"

    @property
    def up_to(self) -> tuple[str, ...]:
        """Codes of the findings that leave the architecture unchanged."""
        return tuple(dict.fromkeys(f.code for f in self.findings if f.same_architecture))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the graphs, ready for JSON."""
        return {
            "a": _side(self.a),
            "b": _side(self.b),
            "sameness": self.sameness,
            "same_up_to": list(self.up_to),
            "passes_needed": list(self.passes),
            "aligned_layers": len(self.alignment.pairs),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def diff(a: Graph, b: Graph, name_a: str, name_b: str, *, without: Collection[str] = ()) -> Diff:
    """Compare the architectures of two networks; ``without`` names passes to leave out.

    Raises UsageError for an unknown pass, MeasurementError for a graph with a cycle.
    """
    with _no_collections():
        return _diff(a, b, name_a, name_b, without)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Keep Python's cyclic garbage collector from running.

    A comparison creates hundreds of thousands of objects, hardly any of them in a cycle. Repeated
    searches for cycles would take half of the time, and their cost grows faster than linearly.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _diff(a: Graph, b: Graph, name_a: str, name_b: str, without: Collection[str]) -> Diff:
    sides = [canonical(graph, without) for graph in (a, b)]
    layers = [LayerGraph(graph) for graph in sides]
    alignment = norm_places.in_order(align(layers[0], layers[1]))
    findings = grouped(differences(alignment), layers[0], layers[1])
    side_a, side_b = (
        Side(name, raw, clean, count(raw), len(graph.layers), tuple(variants(graph)))
        for name, raw, clean, graph in zip((name_a, name_b), (a, b), sides, layers, strict=True)
    )
    return Diff(side_a, side_b, tuple(findings), _needed(alignment), alignment)


def _side(side: Side) -> dict[str, Any]:
    return {
        "entry": side.name,
        "fingerprint": side.fingerprint,
        "structure": side.structure,
        "counts": asdict(side.counts),
        "layers": side.layers,
        "variants": list(side.variants),
    }


def _needed(alignment: Alignment) -> tuple[str, ...]:
    """Return the names of the passes that rewrote only one of two aligned layers."""
    names: set[str] = set()
    for i, j in alignment.pairs:
        left, right = _notes(alignment.a.layers[i]), _notes(alignment.b.layers[j])
        if left != right:
            names |= left ^ right
    return tuple(rewrite.name for rewrite in PASSES if rewrite.name in names)


def _notes(layer: Layer) -> set[str]:
    return set(layer.node.notes).union(*[node.notes for node in layer.chain])
