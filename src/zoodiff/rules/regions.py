"""Connected layers that only one network has: where they are, and which rule names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Check, Difference, Region
from zoodiff.rules.rule import Rule
from zoodiff.rules.wording import called, listed

Border = frozenset[tuple[str, int]]
"""Aligned layers around a region: on which side, and the index in the second network."""
_OTHERWISE = "ARC190"
"""Names regions whose two sides are described by different rules."""


def regions(alignment: Alignment) -> list[Region]:
    """Return connected layers without counterpart, together with those in the same place."""
    groups_a = _groups(alignment, 0)
    groups_b = _groups(alignment, 1)
    joined: list[Region] = []
    left = list(groups_b)
    for members, border in groups_a:
        partner = next((g for g in left if g[1] & border and _same_place(g[1], border)), None)
        if partner is not None:
            left.remove(partner)
        joined.append(Region(members, partner[0] if partner else ()))
    return [*joined, *(Region((), members) for members, _ in left)]


def named(
    every: Iterable[Region], alignment: Alignment, rules: Sequence[Rule]
) -> dict[str, tuple[Region, ...]]:
    """Return regions by the code of the rule that names them.

    ``rules`` are in the order in which they may describe layers.
    """
    describing = [rule for rule in rules if rule.describes is not None]
    by_code: dict[str, tuple[Region, ...]] = {}
    for region in every:
        code = _code(region, alignment, describing)
        by_code[code] = (*by_code.get(code, ()), region)
    return by_code


def for_regions(code: str) -> Check:
    """Return a check that yields the regions which the rule with this code names."""

    def check(networks: AlignedPair) -> Iterable[Difference]:
        for region in networks.regions.get(code, ()):
            yield _difference(code, region, networks)

    return check


def for_moved_regions(code: str) -> Check:
    """Return a check like ``for_regions``; the same layers at another place are one difference."""

    def check(networks: AlignedPair) -> Iterable[Difference]:
        differences = list(for_regions(code)(networks))
        only_b = [difference for difference in differences if not difference.a]
        for difference in differences:
            if not difference.a:
                continue
            moved = [d for d in only_b if not difference.b and _same(difference, d, networks)]
            if not moved:
                yield difference
                continue
            only_b.remove(moved[0])
            yield _moved(difference, moved[0], networks)
        yield from only_b

    return check


def _moved(difference: Difference, other: Difference, networks: AlignedPair) -> Difference:
    """The difference of place of layers that both networks have."""
    sides = ((networks.a, difference.a), (networks.b, other.b))
    left, right = (_place(graph, indices, by_name=False) for graph, indices in sides)
    if left == right:
        left, right = (_place(graph, indices, by_name=True) for graph, indices in sides)
    return replace(difference, left=left, right=right, b=other.b, parameters=0)


def _same(one: Difference, other: Difference, networks: AlignedPair) -> bool:
    """Whether two regions are the same layers, with weights of the same shapes."""
    mine = [layer.label for layer in layers_of(networks.a, one.a)]
    return mine == [layer.label for layer in layers_of(networks.b, other.b)]


def _place(graph: LayerGraph, indices: Sequence[int], *, by_name: bool) -> str:
    """Layers and what they stand between, in words."""
    layers = layers_of(graph, indices)

    def words(index: int) -> str:
        layer = graph.layers[index]
        return layer.name if by_name else called(layer)

    before = layers[0].inputs[0] if layers[0].inputs else -1
    behind = "the input" if before < 0 else words(before)
    ahead = next((words(user) for user, _ in layers[-1].users), "the output")
    return f"{listed(layers)} between {behind} and {ahead}"


def layers_of(graph: LayerGraph, indices: Sequence[int]) -> list[Layer]:
    """Return the layers with these indices."""
    return [graph.layers[i] for i in indices]


def _code(region: Region, alignment: Alignment, describing: Sequence[Rule]) -> str:
    sides = ((alignment.a, region.a), (alignment.b, region.b))
    chosen = {
        rule.code: rule
        for graph, indices in sides
        if indices
        for rule in [_describing(graph, layers_of(graph, indices), describing)]
        if rule is not None
    }
    if len(chosen) == 1:
        return next(iter(chosen))
    ranks = {rule.describes.rank: code for code, rule in chosen.items() if rule.describes}
    highest = max(ranks, default=0)
    return ranks[highest] if highest else _OTHERWISE


def _describing(
    graph: LayerGraph, layers: Sequence[Layer], describing: Sequence[Rule]
) -> Rule | None:
    fitting = (r for r in describing if r.describes is not None and r.describes.fits(graph, layers))
    return next(fitting, None)


def _difference(code: str, region: Region, networks: AlignedPair) -> Difference:
    sides = [layers_of(networks.a, region.a), layers_of(networks.b, region.b)]
    sizes = [
        sum(
            p.size
            for layer in layers
            for node in (layer.node, *layer.chain)
            for p in node.parameters
            if p.trainable
        )
        for layers in sides
    ]
    return Difference(
        code,
        listed(sides[0]),
        listed(sides[1]),
        region.a,
        region.b,
        noun="places",
        parameters=sizes[1] - sizes[0],
    )


def _same_place(first: Border, second: Border) -> bool:
    """Whether both hang on the same aligned layers on the same sides."""
    sides = [{side for side, _ in border} for border in (first, second)]
    common = {side for side, _ in first & second}
    return common == sides[0] | sides[1]


def _groups(alignment: Alignment, side: int) -> list[tuple[tuple[int, ...], Border]]:
    """Connected layers of one side without counterpart, and the aligned layers around them."""
    graph = alignment.b if side else alignment.a
    alone = set(alignment.only_b if side else alignment.only_a)
    across = None if side else alignment.to_b
    groups = []
    while alone:
        start = min(alone)
        alone.remove(start)
        members, waiting = {start}, [start]
        border: set[tuple[str, int]] = set()
        while waiting:
            layer = graph.layers[waiting.pop()]
            edges = [("before", i) for i in layer.inputs]
            edges += [("after", user) for user, _ in layer.users]
            if layer.index in graph.outputs:
                border.add(("after", -1000 - graph.outputs.index(layer.index)))
            for where, i in edges:
                if i in alone:
                    alone.remove(i)
                    members.add(i)
                    waiting.append(i)
                elif i not in members:
                    border.add((where, i if across is None else across[i]))
        groups.append((tuple(sorted(members)), frozenset(border)))
    return groups
