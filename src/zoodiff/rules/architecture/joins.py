"""How branches are joined: by a sum, a product or a maximum, or not at all (ARC166)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import (
    AlignedPair,
    Aspect,
    Difference,
    LayerPair,
    Undo,
    for_layers,
    in_order,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Description, Example, Rule

_JOINED = {
    "Add": "sum of two branches",
    "Concat": "branches side by side",
    "Div": "quotient of two branches",
    "Max": "maximum of two branches",
    "Mean": "mean of two branches",
    "Min": "minimum of two branches",
    "Mul": "product of two branches",
    "Sub": "difference of two branches",
}
_ONE = "one branch alone"


def _joins(layer: Layer) -> bool:
    """Whether a layer joins two computed tensors and nothing else."""
    return layer.op in _JOINED and len(layer.inputs) == 2 and not layer.node.parameters


def _operators(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if _joins(pair.a) and _joins(pair.b) and pair.claim(Aspect.OPERATOR):
        left, right = _JOINED[pair.a.op], _JOINED[pair.b.op]
        yield pair.difference(
            "ARC166", left, right, Aspect.OPERATOR, noun="joins", undo=Undo.OPERATOR
        )


def _missing(networks: AlignedPair) -> Iterable[Difference]:
    for region in networks.regions.get("ARC166", ()):
        left, right = (
            _JOINED[graph.layers[indices[0]].op] if indices else _ONE
            for graph, indices in ((networks.a, region.a), (networks.b, region.b))
        )
        yield Difference("ARC166", left, right, region.a, region.b, noun="joins")


def _one_join(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    return len(layers) == 1 and _joins(layers[0])


def _residual(join: str, *, shortcut_first: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8, name="first"))
    y = net.conv(net.add("Tanh", net.conv(x, 8, 5, name="second")), 8, name="third")
    if join:
        y = net.add(join, (x, y) if shortcut_first else (y, x))
    return net.classifier(net.add("Relu", y))


JOINS = Rule(
    code="ARC166",
    name="join of branches",
    effect="function",
    cause="The networks join two branches in different ways (a sum, a product, a maximum), or one "
    "network omits a branch, for example a shortcut.",
    consequence="Outputs differ. Weights of one network fit the other, so nothing warns.",
    advice="Compare the end of the block with the paper's figure.",
    references=(
        "K. He et al., Deep residual learning for image recognition, CVPR 2016, arXiv:1512.03385",
    ),
    check=in_order(for_layers(_operators), _missing),
    describes=Description(_one_join),
    after=("ARC160", "ARC161", "ARC165", "ARC174", "ARC177"),
    example=Example(
        networks=lambda: (_residual("Add"), _residual("")),
        twin=lambda: (_residual("Add"), _residual("Add", shortcut_first=True)),
        twin_shows="Both add the shortcut; the order of a sum does not matter.",
    ),
)
