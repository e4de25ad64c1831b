"""Another norm, or a norm in one network only (ARC122), and local response norms (ARC124)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
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
from zoodiff.rules.operators import NORMS, may_be_folded, replacing_norm
from zoodiff.rules.regions import for_moved_regions, for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called, chain, shown


def _missing(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if Aspect.NORM in pair.unclaimed and not may_be_folded(pair):
        left, right = pair.unclaimed[Aspect.NORM]
        pair.claim(Aspect.NORM)
        yield pair.difference("ARC122", chain(left), chain(right), Aspect.NORM, undo=Undo.CHAIN)


def _replaced(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """A batch norm behind a layer, and another norm in its place."""
    region = replacing_norm(pair, networks)
    if region is None:
        return
    pair.claim(Aspect.NORM)
    networks.regions["ARC122"] = tuple(r for r in networks.regions["ARC122"] if r is not region)
    a, b = (
        [graph.layers[i] for i in own]
        for graph, own in zip((networks.a, networks.b), (region.a, region.b), strict=True)
    )
    left, right = (called(side[0]) if side else "batch norm" for side in (a, b))
    chains = pair.difference("ARC122", left, right, Aspect.NORM, undo=Undo.CHAIN)
    yield Difference(
        "ARC122",
        left,
        right,
        region.a,
        region.b,
        noun="norms",
        parts=(chains,),
    )


def _groups(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op not in NORMS - {"LRN"}:
        return
    if (axes := pair.unclaimed.get("axes")) and all(axes):
        pair.claim("axes")
        left, right = (
            _over(values, network, layer)
            for values, network, layer in zip(
                axes, (networks.a, networks.b), (pair.a, pair.b), strict=True
            )
        )
        yield pair.difference("ARC122", left, right, "axes")
    keys = ("axes", "num_groups", "axis")
    if values := pair.claim(*keys):
        counted = "num_groups" in pair.a.node.attributes
        left, right = (f"{shown(value)} groups" if counted else value for value in values)
        yield pair.difference("ARC122", left, right, *keys)


def _over(axes: Sequence[int], network: LayerGraph, layer: Layer) -> str:
    """What a norm takes together: "over channels and columns"."""
    rank = len(network.graph.tensors[layer.node.inputs[0]].shape)
    names = ("images", "channels", "rows", "columns") if rank == 4 else ()
    if not names or max(axes) >= rank:
        return f"over axes {shown(list(axes))}"
    *first, last = (names[axis] for axis in axes)
    return f"over {', '.join(first)} and {last}" if first else f"over {last}"


def _statistics(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """How the variance is taken."""
    if pair.a.op in NORMS and (values := pair.claim("unbiased")):
        left, right = (
            "unbiased variance, of n - 1" if value else "variance of n" for value in values
        )
        yield pair.difference("ARC122", left, right, "unbiased")


def _groups_written_out(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """Group norms that are an instance norm between two reshapes."""
    if pair.a.op != "InstanceNormalization" or not pair.claim(Aspect.PARAMETERS):
        return
    counts = [
        network.graph.tensors[layer.node.inputs[0]].shape[1]
        for network, layer in ((networks.a, pair.a), (networks.b, pair.b))
    ]
    left, right = (f"norm of {count} groups" for count in counts)
    yield pair.difference("ARC122", left, right, Aspect.PARAMETERS)


def _kind(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if family(pair.a) == family(pair.b) == "norm" and pair.claim(Aspect.OPERATOR):
        left, right = called(pair.a), called(pair.b)
        yield pair.difference(
            "ARC122", left, right, Aspect.OPERATOR, noun="norms", undo=Undo.OPERATOR
        )


def _norms(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    kinds = {family(layer) for layer in layers}
    return "norm" in kinds and kinds <= {"norm", "activation"}


def _constants(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op != "LRN" or not pair.unclaimed or Aspect.OPERATOR in pair.unclaimed:
        return
    differing = dict(pair.unclaimed)
    pair.claim(*differing)
    left, right = (
        ", ".join(f"{key} {shown(values[side])}" for key, values in differing.items())
        for side in (0, 1)
    )
    yield pair.difference("ARC124", left, right, *differing)


def _only_response_norms(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    return {layer.op for layer in layers} == {"LRN"}


def _network(norm: str = "") -> Graph:
    """Two convolutions with an operator between them."""
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8, bias=True))
    x = net.add(norm, x, **_CONSTANTS[norm]) if norm else x
    return net.classifier(net.add("Relu", net.conv(x, 8)))


_CONSTANTS: dict[str, dict[str, Any]] = {
    "GroupNormalization": {
        "num_groups": 2,
        "epsilon": 1e-5,
        "scale": False,
        "center": False,
    },
    "LRN": {"size": 5, "alpha": 1e-4, "beta": 0.75, "bias": 1.0},
    "LayerNormalization": {
        "axes": [1, 2, 3],
        "epsilon": 1e-5,
        "scale": False,
        "center": False,
    },
}


def _convolution(*, bias: bool, norm: bool) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8, bias=bias)
    return net.classifier(net.add("Relu", net.norm(x) if norm else x))


NORM_KIND = Rule(
    code="ARC122",
    name="normalisation kind",
    effect="function",
    cause="The networks normalise in different ways, or only one of them has a norm.",
    consequence="Outputs differ. Weights of one network do not fit the other.",
    advice="Treat them as two networks that share a name: choose by the claim that you rely on.",
    references=(
        "Y. Wu and K. He, Group normalization, ECCV 2018, arXiv:1803.08494",
        "tensorflow/addons#751",
        "onnx/onnx-tensorrt#149",
    ),
    check=in_order(
        for_layers(_replaced),
        for_layers(_missing),
        for_layers(_groups),
        for_layers(_groups_written_out),
        for_layers(_statistics),
        for_moved_regions("ARC122"),
        for_layers(_kind),
    ),
    describes=Description(_norms),
    after=("ARC124", "ARC127", "ARC176"),
    example=Example(
        networks=lambda: (_network("GroupNormalization"), _network("LayerNormalization")),
        twin=lambda: (
            _convolution(bias=False, norm=True),
            _convolution(bias=True, norm=False),
        ),
        twin_shows="The network without the norm has a bias: the norm may be folded into the "
        "convolution.",
    ),
)
RESPONSE_NORM = Rule(
    code="ARC124",
    name="local response norm",
    effect="function",
    cause="One network divides responses by those of neighbouring channels (AlexNet of 2012, "
    "GoogLeNet). The other does not, or uses different constants. Later networks omit it.",
    consequence="Outputs differ. Weights of one network load into the other without an error and "
    "give wrong results.",
    advice="Treat them as two networks that share a name: choose by the claim that you rely on.",
    references=(
        "A. Krizhevsky et al., ImageNet classification with deep convolutional neural networks, "
        "NIPS 2012 (section 3.3)",
        "pytorch/vision#185",
    ),
    check=in_order(for_layers(_constants), for_regions("ARC124")),
    describes=Description(_only_response_norms),
    example=Example(
        networks=lambda: (_network("LRN"), _network()),
        twin=lambda: (_network("LRN"), _network("GroupNormalization")),
        twin_shows="Another norm stands in the place of the local response norm.",
    ),
)
