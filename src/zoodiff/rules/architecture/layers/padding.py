"""Padding of convolutions (ARC107) and of pools (ARC133), and whether a mean counts it (ARC134)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
from zoodiff.rules.context import AlignedPair, Check, Difference, LayerPair, for_layers, in_order
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.operators import CONVOLUTIONS, size_in
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called, shown, sides


def _claimed(pair: LayerPair, networks: AlignedPair) -> tuple[str, str] | None:
    """Claim pads; return them in words, None where they differ by no more than rounding.

    Pads follow from the size of the map that comes in, and where that differs, another finding
    says why.
    """
    pads = pair.claim("pads")
    if pads is None:
        return None
    left, right = pads
    resized = size_in(networks.a, pair.a) != size_in(networks.b, pair.b)
    if resized and left and right and _close(left, right):
        return None
    return sides(left), sides(right)


def _close(left: Sequence[int], right: Sequence[int]) -> bool:
    return all(abs(x - y) <= 1 for x, y in zip(left, right, strict=False))


def _convolution(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in CONVOLUTIONS and (words := _claimed(pair, networks)):
        yield pair.difference("ARC107", *words, "pads", "ceil_mode")


def _pool(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op not in CONVOLUTIONS and (words := _claimed(pair, networks)):
        pair.claim("ceil_mode")
        yield pair.difference("ARC133", *words, "pads", "ceil_mode")


def _values(code: str, kind: str) -> Check:
    """What is added at the edges of what convolutions or pools read: zeros, mirrored elements."""

    def look(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
        sides_of = ((networks.a, pair.a), (networks.b, pair.b))
        if pair.a.op != "Pad" or not all(_before(graph, [x], kind) for graph, x in sides_of):
            return
        explained = tuple(pair.unclaimed)
        if not pair.claim(*explained):
            return
        left, right = (called(layer) for layer in (pair.a, pair.b))
        if left == right:
            left, right = (f"{called(x)}: {_pads(x)}" for x in (pair.a, pair.b))
        yield pair.difference(code, left, right, *explained, noun="paddings")

    return for_layers(look)


def _pads(layer: Layer) -> str:
    """The pads of a layer with their axes."""
    a = layer.node.attributes
    return f"{shown(a.get('pads'))} along axes {shown(a.get('axes'))}"


def _before(graph: LayerGraph, layers: Sequence[Layer], kind: str) -> bool:
    """Whether layers pad what layers of one kind read, and nothing else does."""
    inside = {layer.index for layer in layers}
    readers = {user for i in inside for user, _ in graph.layers[i].users if user not in inside}
    pads = all(layer.op == "Pad" for layer in layers)
    return pads and {family(graph.layers[user]) for user in readers} <= {kind}


def _counting(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if flags := pair.claim("count_include_pad"):
        left, right = ("counted" if flag else "not counted" for flag in flags)
        yield pair.difference("ARC134", left, right, "count_include_pad")


_START, _END, _BOTH = [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]


def _conv_padded(pads: list[int]) -> Graph:
    net = TinyNetwork()
    return net.classifier(net.add("Relu", net.conv("image", 8, stride=2, pads=pads)))


def _pool_padded(pads: list[int], *, ceil_mode: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    x = net.pool("MaxPool", x, 3, stride=2, pads=pads, ceil_mode=ceil_mode)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def _mean(pads: list[int], *, counted: bool) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    x = net.pool("AveragePool", x, 3, pads=pads, count_include_pad=counted)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


PADDING = Rule(
    code="ARC107",
    name="padding",
    effect="function",
    cause="A convolution is padded on different sides, or with other elements: zeros, the edge "
    "again, the mirrored inside. TensorFlow's SAME puts the odd element at "
    "the end, PyTorch's symmetric padding has it at the beginning; both give maps of equal size. "
    "The finding shows the part of the padding that is really read at this input size.",
    consequence="Maps are shifted by one element. With weights of the other framework, top-1 falls "
    "by a fraction of a point up to several points, and no error is raised.",
    advice="When you port weights between frameworks, use the explicit padding of the original.",
    references=(
        "keras-team/keras#16363",
        "taehoonlee/tensornets#25",
        "microsoft/MMdnn#153",
        "keras-team/keras-applications#27",
    ),
    check=in_order(for_layers(_convolution), _values("ARC107", "linear"), for_regions("ARC107")),
    describes=Description(lambda graph, layers: _before(graph, layers, "linear")),
    after=("ARC102", "ARC103", "ARC104", "ARC133", "ARC142"),
    example=Example(
        networks=lambda: (_conv_padded(_START), _conv_padded(_END)),
        twin=lambda: (_conv_padded(_START), _conv_padded(_BOTH)),
        twin_shows="At this size the stride of 2 ends before the last row and column, so the "
        "padding there is never read.",
    ),
)
POOLING_PADDING = Rule(
    code="ARC133",
    name="pooling padding",
    effect="function",
    cause="A pool is padded on different sides, or rounds its number of windows up (ceil mode), "
    "which shows as padding at the end. The padding of a maximum pool counts as minus infinity.",
    consequence="Maps are shifted, or have one more row and column.",
    advice="Use the explicit padding of the original.",
    references=("microsoft/onnxruntime#15446", "onnx/onnx#4958"),
    check=in_order(for_layers(_pool), _values("ARC133", "pool"), for_regions("ARC133")),
    describes=Description(lambda graph, layers: _before(graph, layers, "pool")),
    after=("ARC102", "ARC104", "ARC132", "ARC142"),
    example=Example(
        networks=lambda: (_pool_padded(_START), _pool_padded(_END)),
        twin=lambda: (_pool_padded(_END), _pool_padded([0] * 4, ceil_mode=True)),
        twin_shows="Ceil mode adds the same row and column as the explicit padding.",
    ),
)
COUNTING_OF_PADDING = Rule(
    code="ARC134",
    name="counting of padding",
    effect="function",
    cause="An average pool divides by the size of its window, or only by the number of elements "
    "outside the padding. PyTorch counts padding by default, TensorFlow never does.",
    consequence="Values at the border differ.",
    advice="Use the count_include_pad of the original.",
    references=(
        "VeriSilicon/TIM-VX#423",
        "ONNX operator AveragePool, https://onnx.ai/onnx/operators/onnx__AveragePool.html",
    ),
    check=for_layers(_counting),
    example=Example(
        networks=lambda: (_mean(_BOTH, counted=True), _mean(_BOTH, counted=False)),
        twin=lambda: (_mean([0] * 4, counted=True), _mean([0] * 4, counted=False)),
        twin_shows="There is no padding to count.",
    ),
)
