"""Layers that compute in half precision, or keep their weights in it (ARC173)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph, in_half
from zoodiff.rules.comparison import numbers_in_half
from zoodiff.rules.context import AlignedPair, Difference, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_HALVES = frozenset({"bfloat16", "float16"})
_NAMES = {"bfloat16": "bfloat16", "float16": "float16 (half precision)"}


def _kinds(graph: LayerGraph, layer: Layer) -> tuple[str, str]:
    """In which type a layer computes and in which it keeps its weights; float32 is ""."""
    tensor = graph.graph.tensors.get(layer.output)
    computed = tensor.dtype if tensor is not None and tensor.dtype in _HALVES else ""
    stored = ""
    for node in (layer.node, *layer.chain):
        for parameter in node.parameters:
            if parameter.dtype in _HALVES:
                stored = min(stored or parameter.dtype, parameter.dtype)
    return computed, stored


def _said(computed: str, stored: str) -> str:
    if computed:
        return _NAMES[computed]
    return f"float32, weights stored as {stored}" if stored else "float32"


def _halves(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        layers = (networks.a.layers[i], networks.b.layers[j])
        kinds = [
            _kinds(graph, layer)
            for graph, layer in zip((networks.a, networks.b), layers, strict=True)
        ]
        numbers = numbers_in_half(*layers)
        if kinds[0] == kinds[1] == ("", "") and numbers:
            kinds = [("", _stored_in(layer, numbers)) for layer in layers]
        if kinds[0] != kinds[1]:
            left, right = (_said(*kind) for kind in kinds)
            undo = Undo.ATTRIBUTES if numbers else Undo.NOTHING
            yield Difference("ARC173", left, right, (i,), (j,), undo, numbers, "layers")


def _stored_in(layer: Layer, numbers: Iterable[str]) -> str:
    """ "float16" where all these numbers of a layer are numbers of half precision."""
    values = [layer.node.attributes[key] for key in numbers]
    halves = all(isinstance(x, int | float) and in_half(float(x)) == float(x) for x in values)
    return "float16" if halves else ""


def _half(*, dtype: str = "float32") -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    net.typed(x, dtype)
    return net.classifier(net.conv(x, 8))


HALF_PRECISION = Rule(
    code="ARC173",
    name="half precision",
    effect="precision",
    cause="One network computes in numbers of 16 bits, or keeps its weights in them. The other "
    "uses float32.",
    consequence="Outputs differ by rounding, about a thousandth. Values above 65,504 overflow "
    "float16 and become infinite; squares and sums of squares do so first. Some runtimes compute "
    "in float32 anyway, which hides this.",
    advice="Compare accuracy, not outputs. Keep norms and sums of squares in float32.",
    references=(
        "microsoft/onnxconverter-common#323",
        "P. Micikevicius et al., Mixed precision training, ICLR 2018, arXiv:1710.03740",
    ),
    check=_halves,
    example=Example(
        networks=lambda: (_half(), _half(dtype="float16")),
        twin=lambda: (_half(), _half(dtype="float64")),
        twin_shows="The second network computes in double precision, which loses nothing.",
    ),
)
