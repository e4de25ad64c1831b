"""Parts of blocks: squeeze-and-excitation (ARC160), shortcuts (ARC161), whole blocks (ARC163)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule

_MOVING = frozenset({"Reshape", "Transpose"})
"""Layers that move elements only; how many a block needs depends on what is before it."""


def _squeezes(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether there are a pool, a gate and a product of two layers."""
    ops = Counter(layer.op for layer in layers)
    gates = ops["Sigmoid"] + ops["HardSigmoid"] + ops["Clip"]
    pools = ops["GlobalAveragePool"] + ops["ReduceMean"]
    products = sum(layer.op == "Mul" and len(layer.inputs) == 2 for layer in layers)
    return bool(pools and gates and products)


def _shortcut(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether the layers are between a fork and an addition, beside the main branch."""
    inside = {layer.index for layer in layers}
    users = {u for i in inside for u, _ in graph.layers[i].users if u not in inside}
    sources = {s for i in inside for s in graph.layers[i].inputs if s not in inside}
    if len(users) != 1 or len(sources) != 1:
        return False
    join, source = graph.layers[users.pop()], sources.pop()
    if join.op != "Add" or source < 0:
        return False
    others = [i for i in join.inputs if i not in inside]
    return len(graph.layers[source].users) > 1 and all(_descends(graph, i, source) for i in others)


def _descends(graph: LayerGraph, index: int, source: int) -> bool:
    """Whether a layer is computed from another, looking back by the length of a block."""
    seen: set[int] = set()
    waiting = [index]
    while waiting and len(seen) < 64:
        i = waiting.pop()
        if i == source:
            return True
        if i >= 0 and i not in seen:
            seen.add(i)
            waiting += graph.layers[i].inputs
    return False


def _whole_block(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether the layers have a join of their own, and their like stands elsewhere too."""
    joins = [x for x in layers if x.op in {"Add", "Concat"} and len(x.inputs) > 1]
    if not joins or len(layers) < 3:
        return False
    inside = {layer.index for layer in layers}
    cores = Counter(str(layer.core) for layer in layers if layer.op not in _MOVING)
    rest = Counter(str(x.core) for x in graph.layers if x.index not in inside)
    return all(rest[core] >= count for core, count in cores.items())


def _squeezing(*, pooled: bool, gated: bool = True) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    if gated:
        gate = net.means(x, name="means") if pooled else x
        if pooled:
            gate = net.conv(gate, 2, 1, bias=True, name="squeeze")
            gate = net.add("Relu", gate, name="squeeze/relu")
            gate = net.conv(gate, 8, 1, bias=True, name="excite")
        x = net.add("Mul", (x, net.add("Sigmoid", gate)), net.shape(x))
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def _residual(*, projected: bool = False, longer: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    y = net.add("Relu", net.conv(x, 8))
    y = net.add("Relu", net.conv(y, 8, 5, name="more"), name="more/relu") if longer else y
    shortcut = net.conv(x, 8, 1, name="projection") if projected else x
    return net.classifier(net.add("Relu", net.add("Add", (net.conv(y, 8), shortcut))))


def _stacked(*kernels: int) -> Graph:
    """Residual blocks, each with a convolution of this kernel."""
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    for kernel in kernels:
        y = net.conv(net.add("Relu", net.conv(x, 8, kernel)), 8, kernel)
        x = net.add("Relu", net.add("Add", (y, x)))
    return net.classifier(x)


_CHOOSE = "Treat them as two networks that share a name: choose by the claim that you rely on."

SQUEEZE_AND_EXCITATION = Rule(
    code="ARC160",
    name="squeeze-and-excitation",
    effect="function",
    cause="Only one network multiplies the channels of a block by a gate computed from their "
    "means.",
    consequence="Parameters and accuracy differ. Weights of one network do not fit the other.",
    advice=_CHOOSE,
    references=(
        "J. Hu et al., Squeeze-and-excitation networks, CVPR 2018, arXiv:1709.01507",
        "xiaolai-sqlai/mobilenetv3#8",
    ),
    check=for_regions("ARC160"),
    describes=Description(_squeezes),
    example=Example(
        networks=lambda: (
            _squeezing(pooled=True, gated=False),
            _squeezing(pooled=True),
        ),
        twin=lambda: (
            _squeezing(pooled=False, gated=False),
            _squeezing(pooled=False),
        ),
        twin_shows="The gate is computed from each pixel itself: x * sigmoid(x) is the activation "
        "swish.",
    ),
)
SHORTCUT = Rule(
    code="ARC161",
    name="shortcut kind",
    effect="function",
    cause="The branch around a residual block is an identity in one network, and a projection, a "
    "pool or something else in the other (options A to C of the paper).",
    consequence="Outputs differ. A projection adds parameters.",
    advice=_CHOOSE,
    references=(
        "K. He et al., Deep residual learning for image recognition, CVPR 2016, arXiv:1512.03385 "
        "(section 4.1)",
    ),
    check=for_regions("ARC161"),
    describes=Description(_shortcut, rank=1),
    after=("ARC122", "ARC124", "ARC130", "ARC160"),
    example=Example(
        networks=lambda: (_residual(), _residual(projected=True)),
        twin=lambda: (_residual(), _residual(longer=True)),
        twin_shows="The additional convolution is in the main branch of the block.",
    ),
)
BLOCKS = Rule(
    code="ARC163",
    name="number of blocks",
    effect="function",
    cause="One network repeats a block more often.",
    consequence="Parameters, MACs and accuracy differ.",
    advice=_CHOOSE,
    references=("huggingface/pytorch-image-models#2235",),
    check=for_regions("ARC163"),
    describes=Description(_whole_block),
    after=("ARC150", "ARC160", "ARC161", "ARC177"),
    example=Example(
        networks=lambda: (_stacked(3, 3), _stacked(3, 3, 3)),
        twin=lambda: (_stacked(3, 3), _stacked(3, 3, 5)),
        twin_shows="The additional block has 5x5 kernels, which no other block has.",
    ),
)
