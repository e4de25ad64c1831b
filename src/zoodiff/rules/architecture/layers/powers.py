"""Power means, which are pools between two powers; they stand for ARC131 (``pools.py``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
from zoodiff.rules.context import AlignedPair, Difference
from zoodiff.rules.wording import called, shown

_CODE = "ARC131"
_CLIPS = frozenset({"Clip", "Relu"})


@dataclass(frozen=True)
class _PowerMean:
    """The powers around a pool: the mean of x ** exponent, to the power of 1 / exponent."""

    exponent: float
    powers: tuple[int, int]
    """Layers before and behind the pool."""
    clip: int | None
    """What keeps the numbers positive, before the first power."""


def power_means(networks: AlignedPair) -> Iterable[Difference]:
    """Yield pools that are means of other powers, or a power mean in one network only."""
    for i, j in networks.alignment.pairs:
        if family(networks.a.layers[i]) != "pool" and networks.a.layers[i].op != "ReduceMean":
            continue
        a, b = _around(networks.a, i), _around(networks.b, j)
        if a is not None and b is not None:
            yield from _other_exponent(networks, a, b)
        elif a is not None or b is not None:
            yield from _alone(networks, a, b, called(networks.a.layers[i]))


def _around(graph: LayerGraph, index: int) -> _PowerMean | None:
    layer = graph.layers[index]
    users = [graph.layers[user] for user, _ in layer.users]
    before = graph.layers[layer.inputs[0]] if layer.inputs and layer.inputs[0] >= 0 else None
    if before is None or len(users) != 1:
        return None
    exponent, root = _power(before), _power(users[0])
    if exponent is None or root is None or abs(exponent * root - 1) > 1e-4:
        return None
    clip = before.inputs[0] if before.inputs else -1
    kept = clip if clip >= 0 and graph.layers[clip].op in _CLIPS else None
    return _PowerMean(exponent, (before.index, users[0].index), kept)


def _power(layer: Layer) -> float | None:
    value = layer.node.attributes.get("value")
    constant = layer.op == "Pow" and not layer.node.attributes.get("constant_first")
    return float(value) if constant and isinstance(value, int | float) and value else None


def _other_exponent(networks: AlignedPair, a: _PowerMean, b: _PowerMean) -> Iterable[Difference]:
    if any((i, j) not in networks.alignment.pairs for i, j in zip(a.powers, b.powers, strict=True)):
        return
    both = set(zip(a.powers, b.powers, strict=True))
    pairs = [p for p in networks.layers if (p.a.index, p.b.index) in both and p.claim("value")]
    if pairs:
        left, right = (f"power mean with exponent {shown(x.exponent)}" for x in (a, b))
        first, *others = (
            pair.difference(_CODE, left, right, "value", noun="pools") for pair in pairs
        )
        yield Difference(
            _CODE, left, right, first.a, first.b, first.undo, ("value",), "pools",
            parts=tuple(others),
        )  # fmt: skip


def _alone(
    networks: AlignedPair, a: _PowerMean | None, b: _PowerMean | None, pool: str
) -> Iterable[Difference]:
    """A power mean where the other network has the pool alone: one difference."""
    powers = a or b
    assert powers is not None
    wanted = set(powers.powers)
    allowed = wanted | ({powers.clip} if powers.clip is not None else set())
    taken = [
        (code, region)
        for code, regions in networks.regions.items()
        for region in regions
        if (own := region.a if a is not None else region.b)
        and set(own) <= allowed
        and not (region.b if a is not None else region.a)
    ]
    inside = {i for _, region in taken for i in (*region.a, *region.b)}
    if not wanted <= inside:
        return
    for code, region in taken:
        networks.regions[code] = tuple(r for r in networks.regions[code] if r is not region)
    words = f"power mean with exponent {shown(powers.exponent)}"
    indices = tuple(sorted(inside))
    if a is not None:
        yield Difference(_CODE, words, pool, indices, (), noun="pools")
    else:
        yield Difference(_CODE, pool, words, (), indices, noun="pools")
