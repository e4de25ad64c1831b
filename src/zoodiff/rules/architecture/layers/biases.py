"""A bias in one network only: before a norm (ARC110), or without one (ARC111)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.rules.context import (
    AlignedPair,
    Aspect,
    Difference,
    LayerPair,
    Undo,
    for_layers,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.operators import absorbs_scales
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import chain


def _before_norm(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if there := pair.claim(Aspect.BIAS_BEFORE_NORM):
        left, right = ("bias before the norm" if bias else "none" for bias in there)
        more = _biases(pair.b) - _biases(pair.a)
        yield pair.difference(
            "ARC110", left, right, Aspect.BIAS_BEFORE_NORM, undo=Undo.NOTHING, parameters=more
        )


def _biases(layer: Layer) -> int:
    return sum(p.size for p in layer.node.parameters if p.role == "bias" and p.trainable)


def _alone(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if Aspect.TERMS in pair.unclaimed and not absorbs_scales(pair):
        left, right = pair.unclaimed[Aspect.TERMS]
        pair.claim(Aspect.TERMS)
        yield pair.difference("ARC111", chain(left), chain(right), Aspect.TERMS, undo=Undo.CHAIN)


def _biased(*, bias: bool, norm: bool) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8, bias=bias)
    x = net.norm(x) if norm else x
    return net.classifier(net.add("Relu", x))


BIAS_BEFORE_NORM = Rule(
    code="ARC110",
    name="bias before norm",
    effect="parametrisation",
    cause="A convolution or linear layer has a bias although a batch norm follows. The norm "
    "subtracts the bias again, because its moving mean contains it.",
    consequence="The network has more parameters and expresses the same functions: the bias "
    "disappears when the norm is folded.",
    advice="No action is needed. Different parameter counts do not prove that two networks differ.",
    references=(
        "S. Ioffe and C. Szegedy, Batch normalization, ICML 2015, arXiv:1502.03167 (section 3.2)",
        "jax-ml/jax#3203",
        "keras-team/keras#16363",
    ),
    check=for_layers(_before_norm),
    example=Example(
        networks=lambda: (_biased(bias=False, norm=True), _biased(bias=True, norm=True)),
        twin=lambda: (_biased(bias=False, norm=False), _biased(bias=True, norm=False)),
        twin_shows="No norm follows that subtracts the bias.",
    ),
)
BIAS = Rule(
    code="ARC111",
    name="bias",
    effect="function",
    cause="A layer that no norm follows has a bias in one network and none in the other.",
    consequence="The network with the bias can express functions that the other cannot.",
    advice="Fill the missing bias with zeros to load weights into the network with the bias. "
    "Weights with a bias do not fit the other network.",
    references=("tensorflow/hub#754",),
    check=for_layers(_alone),
    example=Example(
        networks=lambda: (_biased(bias=False, norm=False), _biased(bias=True, norm=False)),
        twin=lambda: (_biased(bias=False, norm=True), _biased(bias=True, norm=True)),
        twin_shows="A batch norm follows and subtracts the bias again.",
    ),
)
