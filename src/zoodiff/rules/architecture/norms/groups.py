"""Groups of a norm that are taken across rows instead of channels (ARC127)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.context import AlignedPair, Aspect, Difference, Region, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_MOVING = frozenset({"Reshape", "Transpose"})
_NORMS = frozenset({"GroupNormalization", "InstanceNormalization", "LayerNormalization"})
_CODE = "ARC190"
"""Under which regions of movements stand that no other rule describes."""


def _moves(graph: LayerGraph, indices: tuple[int, ...]) -> bool:
    """Whether layers only move elements, or are the scale and shift of a norm."""
    return all(graph.layers[i].op in _MOVING or graph.layers[i].affine for i in indices)


def _across(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        if networks.a.layers[i].op not in _NORMS:
            continue
        around = [
            region
            for region in networks.regions.get(_CODE, ())
            if _moves(networks.a, region.a)
            and _moves(networks.b, region.b)
            and (region.a or region.b)
            and _beside(networks, region, i, j)
        ]
        a = tuple(k for region in around for k in region.a)
        b = tuple(k for region in around for k in region.b)
        moved = (_transposed(networks.a, a), _transposed(networks.b, b))
        fed = any(_feeds(networks, region, i, j) for region in around)
        if not fed or moved[0] == moved[1]:
            continue
        taken = {id(region) for region in around}
        networks.regions[_CODE] = tuple(
            region for region in networks.regions[_CODE] if id(region) not in taken
        )
        left, right = (
            "groups across rows: a reshape without the transposition to channels first"
            if across
            else "groups of channels"
            for across in moved
        )
        norms = tuple(
            pair.difference("ARC127", left, right, Aspect.OPERATOR, undo=Undo.OPERATOR)
            for pair in networks.layers
            if (pair.a.index, pair.b.index) == (i, j)
            and pair.claim(Aspect.OPERATOR, "num_groups", "scale", "center")
        )
        turned = tuple(_turned(networks, i, j))
        yield Difference("ARC127", left, right, a, b, noun="norms", turned=turned, parts=norms)


def _turned(networks: AlignedPair, i: int, j: int) -> Iterable[tuple[int, int]]:
    """Claim what follows from where the channels are: shapes before a norm, axes behind it."""
    for pair in networks.layers:
        moves = pair.a.op == pair.b.op == "Reshape" and (
            _behind(networks.a, i, pair.a.index) and _behind(networks.b, j, pair.b.index)
        )
        scales = (pair.a.affine and pair.b.affine) and (
            _behind(networks.a, pair.a.index, i) and _behind(networks.b, pair.b.index, j)
        )
        if (moves and pair.claim("shape")) or (scales and pair.claim("axis")):
            yield pair.a.index, pair.b.index


def _transposed(graph: LayerGraph, indices: tuple[int, ...]) -> bool:
    return any(graph.layers[k].op == "Transpose" for k in indices)


def _feeds(networks: AlignedPair, region: Region, i: int, j: int) -> bool:
    """Whether a region of movements is what a norm reads."""
    sources = (networks.a.layers[i].inputs, networks.b.layers[j].inputs)
    return bool(set(sources[0]) & set(region.a) or set(sources[1]) & set(region.b))


def _beside(networks: AlignedPair, region: Region, i: int, j: int) -> bool:
    """Whether a region stands before a norm, or behind it with only single elements between."""
    if _feeds(networks, region, i, j):
        return True
    for graph, indices, norm in ((networks.a, region.a, i), (networks.b, region.b, j)):
        if indices and _behind(graph, min(indices), norm):
            return True
    return False


def _behind(graph: LayerGraph, index: int, first: int) -> bool:
    """Whether a layer reads another over a chain of layers of one input."""
    for _ in range(_REACH):
        inputs = graph.layers[index].inputs
        if len(inputs) != 1 or inputs[0] < 0:
            return False
        index = inputs[0]
        if index == first:
            return True
    return False


_REACH = 6
"""Layers of a chain that are looked through."""


def _normed(*, rows: bool, epsilon: float = 1e-5) -> Graph:
    """A group norm that is written as an instance norm of reshaped maps."""
    net = TinyNetwork(size=4)
    x = net.conv("image", 8, bias=True)
    if rows:
        x = net.add("Transpose", x, (1, 4, 4, 8), perm=[0, 2, 3, 1])
    x = net.add("Reshape", x, (1, 2, 64))
    x = net.add("InstanceNormalization", x, epsilon=epsilon)
    x = net.add("Reshape", x, (1, 4, 4, 8) if rows else (1, 8, 4, 4))
    if rows:
        x = net.add("Transpose", x, (1, 8, 4, 4), perm=[0, 3, 1, 2])
    return net.classifier(net.conv(net.add("Relu", x), 8))


GROUPS_ACROSS_ROWS = Rule(
    code="ARC127",
    name="groups across rows",
    effect="function",
    cause="A norm over groups of channels is computed by a reshape. In one network the reshape is "
    "applied to maps with channels last, so its groups are rows of the map.",
    consequence="Different elements are normalised together. Outputs differ.",
    advice="Transpose the map to channels first before the reshape, and back after it.",
    references=("tensorflow/addons#751", "Y. Wu and K. He, Group normalization, ECCV 2018"),
    check=_across,
    example=Example(
        networks=lambda: (_normed(rows=False), _normed(rows=True)),
        twin=lambda: (_normed(rows=True), _normed(rows=True, epsilon=1e-3)),
        twin_shows="Both networks normalise rows together, with another epsilon.",
    ),
)
