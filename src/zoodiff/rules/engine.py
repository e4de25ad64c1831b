"""All rules over two aligned networks."""

from __future__ import annotations

from zoodiff.graph.align import Alignment
from zoodiff.rules.base import rules
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Region, compared

_FIRST = ("ARC101", "ARC132", "ARC141")
"""Rules that must see a difference before others take it."""


def differences(alignment: Alignment) -> list[Difference]:
    """Every local difference, named; what fits no rule is named ARC180, ARC190 or ARC195."""
    networks = AlignedPair(alignment)
    for i, j in alignment.pairs:
        one, other = alignment.a.layers[i], alignment.b.layers[j]
        differences = compared(one, other)
        if differences:
            networks.pairs.append(LayerPair(one, other, differences))
    found: list[Difference] = []
    known = sorted(rules(), key=lambda rule: (rule.code not in _FIRST, rule.code))
    last = [rule for rule in known if rule.code == "ARC180"]
    for rule in [*(rule for rule in known if rule not in last), *last]:
        if rule.networks is not None:
            found += rule.networks(networks)
        if rule.pair is not None:
            for pair in networks.pairs:
                if pair.unclaimed:
                    found += rule.pair(pair, networks)
        if rule.region is not None:
            for region in regions(alignment):
                found += rule.region(region, networks)
    return found


def regions(alignment: Alignment) -> list[Region]:
    """Connected layers without counterpart, together with those in the same place."""
    groups_a = _groups(alignment, 0)
    groups_b = _groups(alignment, 1)
    found: list[Region] = []
    left = list(groups_b)
    for members, border in groups_a:
        partner = next((g for g in left if g[1] & border and _same_place(g[1], border)), None)
        if partner is not None:
            left.remove(partner)
        found.append(Region(members, partner[0] if partner else ()))
    return [*found, *(Region((), members) for members, _ in left)]


Border = frozenset[tuple[str, int]]


def _same_place(one: Border, other: Border) -> bool:
    """Both hang on the same aligned layers on the same sides."""
    sides = [{side for side, _ in border} for border in (one, other)]
    common = {side for side, _ in one & other}
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
