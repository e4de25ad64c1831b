"""Ranges of the integers between the layers of two quantised networks.

Canonical graphs are of real numbers: they hold what integers stand for, and not where these begin
and end. Two networks that quantise the same values in other ranges round, and cut off, in other
places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoodiff.architecture.diff import Diff, Side
from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.passes.weights.quantisation import BOUNDS
from zoodiff.rules.architecture.layers.quantisation import QUANTISATION
from zoodiff.rules.context import Difference, Undo
from zoodiff.rules.findings import grouped

NOUN = "quantised tensors"
"""What the places of the finding are."""
_NEAR = 1e-5
"""Relative difference of two ranges of single precision that are one."""
_SHOWN = 3
"""Ranges that a finding names."""


@dataclass(frozen=True)
class Range:
    """The values between which a node quantises."""

    low: float
    high: float
    node: str

    def near(self, other: Range) -> bool:
        """Whether both are equal within single precision."""
        size = max(map(abs, (self.low, self.high, other.low, other.high)))
        differences = abs(self.low - other.low), abs(self.high - other.high)
        return max(differences) <= _NEAR * size


def with_activation_scales(diff: Diff) -> Diff:
    """Return a diff with a finding about integers that have other ranges in the two networks."""
    alignment = diff.alignment
    sides = _ranges(diff.a, alignment.a), _ranges(diff.b, alignment.b)
    pairs = [
        (left, right, (i, j))
        for i, j in (*alignment.pairs, (-1, -1))
        for left, right in _aligned(sides[0].get(i, []), sides[1].get(j, []))
    ]
    differing = [(left, right, pair) for left, right, pair in pairs if not left.near(right)]
    if not differing:
        return diff
    layers = [pair for *_, pair in differing if pair[0] >= 0]
    difference = Difference(
        QUANTISATION.code,
        _in_words([left for left, _, _ in differing]),
        _in_words([right for _, right, _ in differing]),
        tuple(i for i, _ in layers),
        tuple(j for _, j in layers),
        Undo.NOTHING,
        (),
        NOUN,
    )
    (finding,) = grouped([difference], alignment.a, alignment.b)
    finding = replace(
        finding,
        count=len(differing),
        places_a=tuple(left.node for left, _, _ in differing),
        places_b=tuple(right.node for _, right, _ in differing),
    )
    return replace(diff, findings=tuple(sorted((*diff.findings, finding), key=lambda f: f.code)))


def _ranges(side: Side, layers: LayerGraph) -> dict[int, list[Range]]:
    """Ranges of the integers to which the results of layers are quantised; -1 is the input."""
    place = {n.name: layer.index for layer in layers.layers for n in (layer.node, *layer.chain)}
    producers = {tensor: node for node in side.graph.nodes for tensor in node.outputs}
    ranges: dict[int, list[Range]] = {}
    for node in side.graph.nodes:
        scale, zero = node.attributes.get("scale"), node.attributes.get("zero_point") or 0
        tensor = side.graph.tensors.get(node.outputs[0])
        bounds = BOUNDS.get(tensor.dtype) if tensor is not None else None
        if node.op != "QuantizeLinear" or len(node.inputs) != 1 or bounds is None:
            continue
        if not isinstance(scale, float) or not isinstance(zero, int | float):
            continue
        before = producers.get(node.inputs[0])
        index = -1 if before is None else place.get(before.name)
        if index is not None:
            low, high = ((bound - zero) * scale for bound in bounds)
            ranges.setdefault(index, []).append(Range(low, high, node.name))
    return ranges


def _aligned(left: list[Range], right: list[Range]) -> list[tuple[Range, Range]]:
    return list(zip(left, right, strict=True)) if len(left) == len(right) else []


def _in_words(ranges: list[Range]) -> str:
    """What integers stand for: "integers for -3.84 to 3.81"."""
    words = ", ".join(f"{r.low:.4g} to {r.high:.4g}" for r in ranges[:_SHOWN])
    return f"integers for {words}{', ...' if len(ranges) > _SHOWN else ''}"
