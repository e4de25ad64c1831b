"""Runs all rules over two aligned networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoodiff.graph.align import Alignment
from zoodiff.rules.catalogue import in_order_of_claims
from zoodiff.rules.comparison import compared
from zoodiff.rules.context import AlignedPair, Difference, LayerPair
from zoodiff.rules.regions import named, regions
from zoodiff.rules.rule import Rule


def differences(alignment: Alignment, rules: Sequence[Rule] | None = None) -> list[Difference]:
    """Return every local difference, named; what fits no rule is named by a fallback rule.

    ``rules`` are run in their order; without them all rules, in the order that they declare.
    """
    ordered = in_order_of_claims() if rules is None else rules
    networks = AlignedPair(
        alignment, _differing(alignment), named(regions(alignment), alignment, ordered)
    )
    named_differences: list[Difference] = []
    for rule in ordered:
        if rule.check is not None:
            named_differences += rule.check(networks)
    return [_told_apart(difference, networks) for difference in named_differences]


def _told_apart(difference: Difference, networks: AlignedPair) -> Difference:
    """A difference in words that differ: no finding says the same of both networks."""
    if difference.left != difference.right:
        return difference
    names = [
        ", ".join(dict.fromkeys(graph.layers[i].name for i in indices))
        for graph, indices in ((networks.a, difference.a), (networks.b, difference.b))
    ]
    if names[0] == names[1]:
        names = ["one form", "another form"]
    left, right = (f"{difference.left} ({name or 'none'})" for name in names)
    return replace(difference, left=left, right=right)


def _differing(alignment: Alignment) -> tuple[LayerPair, ...]:
    """Aligned layers that differ, in the order of the first network."""
    pairs = []
    for i, j in alignment.pairs:
        first, second = alignment.a.layers[i], alignment.b.layers[j]
        if differing := compared(first, second):
            pairs.append(LayerPair(first, second, differing))
    return tuple(pairs)
