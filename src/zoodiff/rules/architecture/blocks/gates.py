"""Where squeeze-and-excitation stands: before or behind an activation (ARC165)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Difference, Region, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import called

_GATES = frozenset({"Clip", "HardSigmoid", "Sigmoid"})
_LENGTH = 8
"""Layers between the map that is squeezed and the gate."""


def _gating(graph: LayerGraph, layer: Layer) -> int | None:
    """What a product weighs by a gate that is computed from it; None for any other layer."""
    if layer.op != "Mul" or len(layer.inputs) != 2:
        return None
    for gate, source in (layer.inputs, layer.inputs[::-1]):
        if gate >= 0 and graph.layers[gate].op in _GATES and _squeezed(graph, gate, source):
            return source
    return None


def _squeezed(graph: LayerGraph, index: int, source: int) -> bool:
    """Whether a gate is computed from a layer through a pool over its map."""
    pooled = False
    for _ in range(_LENGTH):
        if index == source:
            return pooled
        if index < 0 or len(graph.layers[index].inputs) != 1:
            return False
        pooled = pooled or graph.layers[index].op in {"GlobalAveragePool", "ReduceMean"}
        index = graph.layers[index].inputs[0]
    return index == source and pooled


def _moved(networks: AlignedPair) -> Iterable[Difference]:
    regions = networks.regions.get("ARC130", ())
    left = [r for r in regions if len(r.a) == 1 and not r.b]
    right = [r for r in regions if len(r.b) == 1 and not r.a]
    for first in left:
        partner = next((second for second in right if _same(networks, first, second)), None)
        if partner is None:
            continue
        right.remove(partner)
        taken = {id(first), id(partner)}
        kept = tuple(r for r in networks.regions["ARC130"] if id(r) not in taken)
        networks.regions["ARC130"] = kept
        i, j = first.a[0], partner.b[0]
        before = _gated_user(networks.a, networks.a.layers[i]) is not None
        name = called(networks.a.layers[i])
        words = (
            f"squeeze-and-excitation behind the {name}",
            f"squeeze-and-excitation before the {name}",
        )
        yield Difference(
            "ARC165",
            *(words if before else words[::-1]),
            (i,),
            (j,),
            undo=Undo.LAYERS,
            noun="blocks",
        )


def _gated_user(graph: LayerGraph, layer: Layer) -> Layer | None:
    """The product that weighs a layer's result by a gate made from it."""
    users = (graph.layers[user] for user, _ in layer.users)
    return next((user for user in users if _gating(graph, user) == layer.index), None)


def _same(networks: AlignedPair, first: Region, second: Region) -> bool:
    """Whether one activation stands before a gated product here and behind it there."""
    a, b = networks.a.layers[first.a[0]], networks.b.layers[second.b[0]]
    if (a.op, a.label) != (b.op, b.label):
        return False
    product = _gated_user(networks.a, a)
    if product is not None:
        return bool(b.inputs) and b.inputs[0] == networks.to_b.get(product.index)
    product = _gated_user(networks.b, b)
    if product is None or not a.inputs:
        return False
    return a.inputs[0] == networks.to_a.get(product.index)


def _block(*, behind: bool, activation: str = "HardSwish") -> Graph:
    """A convolution with squeeze-and-excitation before or behind its activation."""
    net = TinyNetwork()
    x = net.conv("image", 8, bias=True)
    x = net.add(activation, x, name="act") if behind else x
    gate = net.conv(net.means(x), 4, 1, bias=True)
    gate = net.conv(net.add("Relu", gate), 8, 1, bias=True)
    x = net.add("Mul", (x, net.add("Sigmoid", gate)))
    x = x if behind else net.add(activation, x, name="act")
    return net.classifier(net.conv(x, 8))


GATE_PLACE = Rule(
    code="ARC165",
    name="place of squeeze-and-excitation",
    effect="function",
    cause="Squeeze-and-excitation weights the channels before the activation in one network, and "
    "after it in the other.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which order the weights were trained with.",
    references=(
        "xiaolai-sqlai/mobilenetv3#8",
        "A. Howard et al., Searching for MobileNetV3, ICCV 2019, arXiv:1905.02244",
    ),
    check=_moved,
    example=Example(
        networks=lambda: (_block(behind=True), _block(behind=False)),
        twin=lambda: (_block(behind=True), _block(behind=True, activation="Relu")),
        twin_shows="The block stands in the same place, behind another activation.",
    ),
)
