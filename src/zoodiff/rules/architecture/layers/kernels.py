"""The window of a convolution (ARC103) and of a pool (ARC132)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.operators import CONVOLUTIONS, POOLS
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import window


def _kernel(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in CONVOLUTIONS and (sizes := pair.claim("kernel_shape")):
        pair.claim("pads")
        left, right = map(window, sizes)
        yield pair.difference("ARC103", left, right, "kernel_shape", "pads")


def _pool(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in POOLS and (sizes := pair.claim("kernel_shape")):
        pair.claim("pads")
        left, right = map(window, sizes)
        yield pair.difference("ARC132", left, right, "kernel_shape", "pads")


def _convolution(kernel: int, dilation: int = 1) -> Graph:
    net = TinyNetwork()
    around = dilation * (kernel // 2)
    x = net.conv("image", 8, kernel, dilations=[dilation] * 2, pads=[around] * 4)
    return net.classifier(net.add("Relu", x))


def _pooled(kernel: int, pads: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Graph:
    net = TinyNetwork()
    x = net.pool("MaxPool", net.conv("image", 8), kernel, stride=2, pads=list(pads))
    return net.classifier(net.add("Relu", net.conv(x, 8)))


KERNEL_SIZE = Rule(
    code="ARC103",
    name="kernel size",
    effect="function",
    cause="A convolution has kernels of different sizes. In some zoos, for example, the 5x5 "
    "branch of GoogLeNet is a 3x3.",
    consequence="Weights of one network do not fit the other. Parameters and MACs differ.",
    advice="Treat them as two networks that share a name: do not compare their accuracies as one.",
    references=(
        "C. Szegedy et al., Going deeper with convolutions, CVPR 2015, arXiv:1409.4842",
        "pytorch/vision#906",
        "pytorch/vision#798",
    ),
    check=for_layers(_kernel),
    example=Example(
        networks=lambda: (_convolution(5), _convolution(3)),
        twin=lambda: (_convolution(3, dilation=2), _convolution(3)),
        twin_shows="A 3x3 kernel with dilation 2 spans 5x5 pixels too, but it has nine weights in "
        "both networks: only the dilation differs.",
    ),
)
POOLING_WINDOW = Rule(
    code="ARC132",
    name="pooling window",
    effect="function",
    cause="A pool has windows of different sizes.",
    consequence="Weights fit both networks, but the outputs differ.",
    advice="Check which window the weights were trained with.",
    references=(
        "ONNX operator MaxPool, https://onnx.ai/onnx/operators/onnx__MaxPool.html",
        "microsoft/onnxruntime#15446",
    ),
    check=for_layers(_pool),
    example=Example(
        networks=lambda: (_pooled(3, (0, 0, 1, 1)), _pooled(2)),
        twin=lambda: (_pooled(3, (0, 0, 1, 1)), _pooled(3, (1, 1, 0, 0))),
        twin_shows="The windows are equal; they start at other pixels.",
    ),
)
