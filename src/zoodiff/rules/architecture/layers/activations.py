"""ARC130: another activation, or one in one network only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import family
from zoodiff.graph.passes.weights import quantisation
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
from zoodiff.rules.regions import for_moved_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import called


def _activation(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if family(pair.a) == "activation" and pair.unclaimed and _cut_by_integers(pair):
        pair.claim(*tuple(pair.unclaimed))
    if family(pair.a) == "activation" and pair.unclaimed:
        explained = tuple(pair.unclaimed)
        pair.claim(*explained)
        undo = Undo.OPERATOR if Aspect.OPERATOR in explained else Undo.ATTRIBUTES
        left, right = called(pair.a), called(pair.b)
        yield pair.difference("ARC130", left, right, *explained, noun="activations", undo=undo)


def _cut_by_integers(pair: LayerPair) -> bool:
    """Whether one side is the lower bound of integers and the other a clip at zero and above.

    Where the integers end is where the calibration did, so what the network does above is not
    known: a ReLU6 that saw nothing above 5 is stored as integers from 0 to 5.
    """
    for one, other in ((pair.a, pair.b), (pair.b, pair.a)):
        bound = one.op == "Relu" and quantisation.is_bound(one.node)
        if bound and other.op == "Clip" and other.node.attributes.get("min") == 0.0:
            return True
    return False


def _only_activations(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers are activations, and reshapes to the form in which they are computed."""
    rest = [layer for layer in layers if layer.op != "Reshape"]
    return {family(layer) for layer in rest} == {"activation"}


def _activated(op: str, **attributes: Any) -> Graph:
    net = TinyNetwork()
    return net.classifier(net.add(op, net.conv("image", 8, bias=True), **attributes))


ACTIVATION = Rule(
    code="ARC130",
    name="activation",
    effect="function",
    cause="The networks have different activations, or only one of them has one: ReLU and ReLU6, "
    "swish and hard swish, GELU and its tanh approximation.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which activation the weights were trained with.",
    references=(
        "D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016, arXiv:1606.08415",
        "mlfoundations/open_clip#771",
        "PaddlePaddle/Paddle2ONNX#930",
    ),
    check=in_order(for_layers(_activation), for_moved_regions("ARC130")),
    describes=Description(_only_activations),
    after=("ARC140", "ARC165"),
    example=Example(
        networks=lambda: (_activated("Relu"), _activated("Clip", min=0.0, max=6.0)),
        twin=lambda: (_activated("Relu"), _activated("Clip", min=0.0)),
        twin_shows="A clip at 0 from below is an equivalent form of ReLU.",
    ),
)
