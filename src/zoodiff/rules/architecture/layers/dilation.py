"""ARC104: the gaps between the inputs of a window."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import window


def _dilation(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if gaps := pair.claim("dilations"):
        pair.claim("pads")
        left, right = (window(gap or [1]) for gap in gaps)
        yield pair.difference("ARC104", left, right, "dilations", "pads")


def _convolution(kernel: int, dilation: int) -> Graph:
    net = TinyNetwork()
    around = dilation * (kernel // 2)
    x = net.conv("image", 8, kernel, dilations=[dilation] * 2, pads=[around] * 4)
    return net.classifier(net.add("Relu", x))


DILATION = Rule(
    code="ARC104",
    name="dilation",
    effect="function",
    cause="A convolution has a different dilation: the distance between the inputs that it reads.",
    consequence="Weights fit both networks, but the outputs differ.",
    advice="Networks with dilation are usually made for segmentation: use the variant for "
    "classification.",
    references=(
        "F. Yu and V. Koltun, Multi-scale context aggregation by dilated convolutions, ICLR 2016, "
        "arXiv:1511.07122",
        "facebookresearch/detectron2#2598",
    ),
    check=for_layers(_dilation),
    example=Example(
        networks=lambda: (_convolution(3, 1), _convolution(3, 2)),
        twin=lambda: (_convolution(3, 1), _convolution(5, 1)),
        twin_shows="A 5x5 kernel spans as many pixels as a 3x3 with dilation 2, but it reads all "
        "of them.",
    ),
)
