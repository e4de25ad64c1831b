"""Numbers of groups (ARC105), of channels (ARC106) and of classes (ARC141)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.operators import CONVOLUTIONS, channels_in, depthwise
from zoodiff.rules.rule import Example, Rule


def _both_depthwise(pair: LayerPair, networks: AlignedPair) -> bool:
    return depthwise(networks.a, pair.a) and depthwise(networks.b, pair.b)


def _groups(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    groups = pair.claim("group")
    # Depthwise layers have as many groups as channels, which ARC106 names where they come from.
    if groups is not None and not _both_depthwise(pair, networks):
        yield pair.difference("ARC105", *groups, "group")


def _channels(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in CONVOLUTIONS and (widths := pair.claim("out_channels")):
        if not (_both_depthwise(pair, networks) and _follows(pair, networks, *widths)):
            yield pair.difference("ARC106", *widths, "out_channels")
    elif pair.a.op == "Gemm" and (widths := pair.claim("out_features")):
        yield pair.difference("ARC106", *widths, "out_features")


def _follows(pair: LayerPair, networks: AlignedPair, left: int, right: int) -> bool:
    """Whether the widths differ as those of the layers before do."""
    incoming = channels_in(networks.a, pair.a), channels_in(networks.b, pair.b)
    return incoming[0] != incoming[1] and left * incoming[1] == right * incoming[0]


def _classes(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    last = _last(networks.a, pair.a.index) and _last(networks.b, pair.b.index)
    if pair.a.op in {"Conv", "Gemm"} and last:
        widths = pair.claim("out_features", "out_channels")
        if widths is not None:
            yield pair.difference("ARC141", *widths, "out_features", "out_channels")


_PASSING = frozenset(
    {
        "GlobalAveragePool",
        "LogSoftmax",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Softmax",
        "Squeeze",
    }
)


def _last(graph: LayerGraph, index: int) -> bool:
    """Whether nothing with weights is computed from a layer."""
    seen, waiting = set(), [index]
    while waiting:
        for user, _ in graph.layers[waiting.pop()].users:
            if graph.layers[user].op not in _PASSING:
                return False
            if user not in seen:
                seen.add(user)
                waiting.append(user)
    return True


def _grouped(group: int) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    return net.classifier(net.add("Relu", net.conv(x, 8, group=group)))


def _depthwise(width: int) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", width))
    x = net.add("Relu", net.conv(x, width, group=width))
    return net.classifier(net.conv(x, 8, kernel=1))


def _wide(width: int, classes: int = 10) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", width))
    return net.classifier(net.add("Relu", net.conv(x, 8)), classes)


_CHOOSE = "Treat them as two networks that share a name: choose by the claim that you rely on."

GROUPS = Rule(
    code="ARC105",
    name="groups",
    effect="function",
    cause="The networks divide the channels of a convolution into different numbers of groups. "
    "AlexNet of 2012 has two groups, because it was trained on two GPUs; later versions have one.",
    consequence="Parameters and MACs differ. Weights of one do not fit the other.",
    advice=_CHOOSE,
    references=(
        "A. Krizhevsky et al., ImageNet classification with deep convolutional neural networks, "
        "NIPS 2012",
        "A. Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014, "
        "arXiv:1404.5997",
        "pytorch/vision#185",
    ),
    check=for_layers(_groups),
    example=Example(
        networks=lambda: (_grouped(1), _grouped(2)),
        twin=lambda: (_depthwise(8), _depthwise(16)),
        twin_shows="Both networks are depthwise, one group per channel: the number of groups "
        "follows from the width of the layer before.",
    ),
)
CHANNELS = Rule(
    code="ARC106",
    name="channels",
    effect="function",
    cause="A layer has a different number of outputs: the networks have different widths, or "
    "round a width multiplier differently.",
    consequence="Parameters and MACs differ. Weights of one do not fit the other.",
    advice=_CHOOSE,
    references=(
        "M. Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018, "
        "arXiv:1801.04381",
        "pytorch/vision#1163",
    ),
    check=for_layers(_channels),
    after=("ARC141",),
    example=Example(
        networks=lambda: (_wide(8), _wide(16)),
        twin=lambda: (_wide(8, classes=10), _wide(8, classes=11)),
        twin_shows="Only the last layer has another number of outputs: these are classes, not "
        "channels.",
    ),
)
CLASSES = Rule(
    code="ARC141",
    name="number of classes",
    effect="function",
    cause="The last layers have different numbers of outputs. TensorFlow's networks often have "
    "1001: "
    "class 0 is the background, which shifts all others by one.",
    consequence="Labels are shifted. Without a correction, the measured accuracy is near zero.",
    advice="Drop the first output, or shift the labels.",
    references=(
        "mlcommons/inference#550",
        "tensorflow/tensorflow#7370",
        "tensorflow/hub#574",
    ),
    check=for_layers(_classes),
    example=Example(
        networks=lambda: (_wide(8, classes=10), _wide(8, classes=11)),
        twin=lambda: (_wide(8), _wide(16)),
        twin_shows="The layer with another width is not the last one.",
    ),
)
