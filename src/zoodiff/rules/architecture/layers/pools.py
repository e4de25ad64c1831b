"""ARC131: a maximum in the place of a mean, or a pool in one network only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
from zoodiff.rules.architecture.layers.powers import power_means
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
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called


def _kind(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if family(pair.a) == family(pair.b) == "pool" and pair.claim(Aspect.OPERATOR):
        left, right = called(pair.a), called(pair.b)
        yield pair.difference(
            "ARC131", left, right, Aspect.OPERATOR, noun="pools", undo=Undo.OPERATOR
        )


def _only_pools(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    return {family(layer) for layer in layers} == {"pool"}


def _halved(op: str) -> Graph:
    net = TinyNetwork()
    x = net.pool(op, net.conv("image", 8), 2, stride=2)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def _mean_of_all(*, globally: bool) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    return net.graph(net.linear(net.means(x) if globally else net.pool("AveragePool", x, 16), 10))


POOLING_KIND = Rule(
    code="ARC131",
    name="pooling kind",
    effect="function",
    cause="One network takes a maximum where the other takes a mean, or a power mean (GeM) with "
    "another exponent, or only one of them has a pool.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which pool the weights were trained with.",
    references=(
        "F. Radenovic et al., Fine-tuning CNN image retrieval, arXiv:1711.02512 (equation 3)",
        "ONNX operator AveragePool, https://onnx.ai/onnx/operators/onnx__AveragePool.html",
        "ONNX operator MaxPool, https://onnx.ai/onnx/operators/onnx__MaxPool.html",
    ),
    check=in_order(power_means, for_regions("ARC131"), for_layers(_kind)),
    describes=Description(_only_pools),
    after=("ARC142", "ARC161"),
    example=Example(
        networks=lambda: (_halved("MaxPool"), _halved("AveragePool")),
        twin=lambda: (_mean_of_all(globally=True), _mean_of_all(globally=False)),
        twin_shows="An average pool over the whole map is an equivalent form of a global one.",
    ),
)
