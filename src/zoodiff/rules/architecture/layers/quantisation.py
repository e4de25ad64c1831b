"""ARC171: layers that compute on integers, or hold their weights as such."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_NUMBERS: dict[bool | str, str] = {False: "real numbers", True: "integers"}


def _quantised(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if states := pair.claim("quantized"):
        left, right = map(_said, states, (pair.a, pair.b))
        yield pair.difference("ARC171", left, right, "quantized", noun="layers with weights")


def _said(state: bool | str | None, layer: Layer) -> str:
    if state != "weights":
        return _NUMBERS[state or False]
    kinds = (p.dtype.removeprefix("u") for p in layer.node.parameters)
    widths = sorted({kind.removeprefix("int") for kind in kinds if kind.startswith("int")})
    which = f"{' and '.join(widths)}-bit" if widths else "integer"
    return f"real numbers with {which} weights"


def _rounded(*, convolution: bool = False, result: bool = False) -> Graph:
    """A convolution whose input, or whose result, is rounded to integers."""
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    if convolution:
        x = _integers(net, x)
    x = net.add("Relu", net.conv(x, 8))
    return net.classifier(_integers(net, x) if result else x)


def _integers(net: TinyNetwork, data: str) -> str:
    for op in ("QuantizeLinear", "DequantizeLinear"):
        data = net.add(op, data, scale=0.1, zero_point=0)
    return data


QUANTISATION = Rule(
    code="ARC171",
    name="quantisation",
    effect="precision",
    cause="One network has layers that compute on integers or store weights of 8 bits or fewer, "
    "or both quantise values in different ranges.",
    consequence="Outputs differ by rounding. It costs a fraction of a point of top-1 up to several "
    "points, more with poor calibration.",
    advice="Compare accuracy, not outputs: a quantised copy is a different network.",
    references=(
        "B. Jacob et al., Quantization and training of neural networks for efficient "
        "integer-arithmetic-only inference, CVPR 2018, arXiv:1712.05877",
        "tensorflow/tensorflow#34537",
    ),
    check=for_layers(_quantised),
    example=Example(
        networks=lambda: (_rounded(), _rounded(convolution=True)),
        twin=lambda: (_rounded(), _rounded(result=True)),
        twin_shows="The only operator on integers is a pool, which has no weights.",
    ),
)
