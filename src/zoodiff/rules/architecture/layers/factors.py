"""Numbers that only one network multiplies by or adds (ARC178)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers, in_order
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called

_CODE = "ARC178"
_ARITHMETIC = frozenset({"Add", "Div", "Mul", "Sub"})


def _is_number(layer: Layer) -> bool:
    """Whether a layer combines a tensor with one number."""
    value = layer.node.attributes.get("value")
    return layer.op in _ARITHMETIC and isinstance(value, int | float) and not layer.chain


def _numbers_alone(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    return bool(layers) and all(_is_number(layer) and len(layer.inputs) == 1 for layer in layers)


def _others(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    numbers = pair.a.op == pair.b.op and _is_number(pair.a) and _is_number(pair.b)
    if numbers and pair.claim("value"):
        yield pair.difference(_CODE, called(pair.a), called(pair.b), "value", noun="layers")


def _scaled(factor: float | None, *, activation: str = "Relu") -> Graph:
    """Two convolutions, with a factor between them or without."""
    net = TinyNetwork()
    x = net.add(activation, net.conv("image", 8))
    if factor is not None:
        x = net.add("Mul", x, value=factor, name="factor")
    x = net.add("Tanh", x)
    return net.classifier(net.conv(x, 8))


FACTOR = Rule(
    code=_CODE,
    name="constant factor",
    effect="function",
    cause="One network multiplies a tensor by a number, or adds one, that the other lacks or has "
    "with another value: embeddings scaled by the root of their width, a branch that is halved.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which number the weights were trained with. A factor in front of a linear layer "
    "may also be part of its weights.",
    references=(
        "A. Vaswani et al., Attention is all you need, NIPS 2017, arXiv:1706.03762 (section 3.4)",
    ),
    check=in_order(for_layers(_others), for_regions(_CODE)),
    describes=Description(_numbers_alone),
    after=("ARC142", "ARC150", "ARC170"),
    example=Example(
        networks=lambda: (_scaled(None), _scaled(0.5)),
        twin=lambda: (_scaled(0.5), _scaled(0.5, activation="Elu")),
        twin_shows="Both multiply by the same number, behind another activation.",
    ),
)
