"""A batch norm and what is around it: folded (ARC112), scaled again (ARC113), learned terms
(ARC123), epsilon (ARC120) and momentum (ARC121)."""

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
    in_order,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.operators import NORMS, absorbs_scales, may_be_folded, replacing_norm
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import chain, learned, shown


def _folded(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if replacing_norm(pair, networks) is not None:
        return  # another norm stands in its place, behind the layer
    if Aspect.NORM in pair.unclaimed and may_be_folded(pair):
        left, right = pair.unclaimed[Aspect.NORM]
        pair.claim(Aspect.NORM)
        yield pair.difference("ARC112", chain(left), chain(right), Aspect.NORM, undo=Undo.NOTHING)


def _scaled(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    aspects = [Aspect.BEFORE_NORM, Aspect.AFTER_NORM]
    if Aspect.TERMS in pair.unclaimed and absorbs_scales(pair):
        aspects.append(Aspect.TERMS)
    for aspect in aspects:
        if chains := pair.claim(aspect):
            left, right = (chain(items) for items in chains)
            if aspect is Aspect.BEFORE_NORM:
                left, right = (
                    f"{words} before the norm" if items else words
                    for words, items in zip((left, right), chains, strict=True)
                )
            yield pair.difference("ARC113", left, right, aspect, undo=Undo.NOTHING)


def _epsilon_of_chain(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if values := pair.claim(Aspect.NORM_EPSILON):
        yield pair.difference(
            "ARC120", *values, Aspect.NORM_EPSILON, noun="batch norms", undo=Undo.EPSILON
        )


def _epsilon(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in NORMS and (values := pair.claim("epsilon")):
        yield pair.difference("ARC120", *values, "epsilon")


def _epsilon_outside(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in NORMS and (values := pair.claim("epsilon_outside")):
        left, right = (
            f"epsilon added to the {'deviation' if value else 'variance'}" for value in values
        )
        yield pair.difference("ARC120", left, right, "epsilon_outside")


def _terms_of_chain(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if terms := pair.claim(Aspect.NORM_TERMS):
        left, right = (learned(scale, shift) for scale, shift in terms)
        yield pair.difference(
            "ARC123", left, right, Aspect.NORM_TERMS, noun="batch norms", undo=Undo.NOTHING
        )


def _terms(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in NORMS and pair.claim("scale", "center"):
        attributes = (pair.a.node.attributes, pair.b.node.attributes)
        left, right = (learned(bool(a.get("scale")), bool(a.get("center"))) for a in attributes)
        yield pair.difference("ARC123", left, right, "scale", "center")


def _momentum(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        left, right = _kept(networks.a.layers[i]), _kept(networks.b.layers[j])
        if left is not None and right is not None and abs(left - right) > 1e-6:
            yield Difference(
                "ARC121",
                shown(left),
                shown(right),
                (i,),
                (j,),
                Undo.NOTHING,
                ("momentum",),
                "batch norms",
            )


def _kept(layer: Layer) -> float | None:
    """The momentum of the first batch norm of a layer."""
    norms = (n for n in (layer.node, *layer.chain) if n.op == "BatchNormalization")
    norm = next(norms, None)
    momentum = norm.attributes.get("momentum") if norm is not None else None
    return momentum if isinstance(momentum, float) else None


def _network(*, bias: bool = False, norm: bool = True, scaled: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8, bias=bias)
    x = net.norm(x) if norm else x
    x = net.per_channel("Add", net.per_channel("Mul", x)) if scaled else x
    return net.classifier(net.add("Relu", x))


def _normed(
    *, epsilon: float = 1e-5, momentum: float = 0.9, scale: bool = True, shift: bool = True
) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8)
    x = net.norm(x, epsilon=epsilon, momentum=momentum, scale=scale, shift=shift)
    return net.classifier(net.add("Relu", x))


FOLDED = Rule(
    code="ARC112",
    name="batch norm folded",
    effect="parametrisation",
    cause="One network has a batch norm where the other has only a bias. Exporters fold a norm "
    "into the weights before it; some networks never had one (GoogLeNet, VGG).",
    consequence="At inference both can express the same functions. Only the weights show whether a "
    "norm was folded: compare them (`zoodiff diff --weights`).",
    advice="For inference, no action is needed. For training, treat them as two networks.",
    references=(
        "B. Jacob et al., Quantization and training of neural networks for efficient "
        "integer-arithmetic-only inference, CVPR 2018, arXiv:1712.05877 (section 3.2)",
        "S. Ioffe and C. Szegedy, Batch normalization, ICML 2015, arXiv:1502.03167",
    ),
    check=for_layers(_folded),
    example=Example(
        networks=lambda: (_network(), _network(bias=True, norm=False)),
        twin=lambda: (_network(), _network(norm=False)),
        twin_shows="Without a bias there is no place into which the norm's shift could be folded: "
        "the norm is missing.",
    ),
)
SCALE_LAYERS = Rule(
    code="ARC113",
    name="scale layers",
    effect="parametrisation",
    cause="One network has a scale and a shift per channel as separate layers, as in Caffe: after "
    "the batch norm, in addition to its own terms or instead of them, or before it, where the norm "
    "cancels them.",
    consequence="The network has more parameters and expresses the same functions.",
    advice="No action is needed.",
    references=(
        "Caffe layer BatchNorm, https://caffe.berkeleyvision.org/tutorial/layers/batchnorm.html",
    ),
    check=for_layers(_scaled),
    example=Example(
        networks=lambda: (_network(), _network(scaled=True)),
        twin=lambda: (_normed(), _normed(scale=False)),
        twin_shows="The norm itself has no learned scale; there is no layer behind it.",
    ),
)
EPSILON = Rule(
    code="ARC120",
    name="epsilon",
    effect="function",
    cause="The number that a norm adds to the variance differs between frameworks: 1e-5 in "
    "PyTorch, 1e-3 in TensorFlow, 1.001e-5 in some Keras networks. Some add it to the deviation "
    "instead, outside the root.",
    consequence="Channels with a small variance are scaled differently. The step from 1e-5 to "
    "1.001e-5 has no visible effect; the step from 1e-5 to 1e-3 costs top-1 points where variances "
    "are small.",
    advice="When you port weights, port the epsilon too.",
    references=(
        "keras-team/keras-applications#8",
        "gzuidhof/nn-transfer#3",
        "huggingface/transformers#18597",
    ),
    check=in_order(
        for_layers(_epsilon_of_chain), for_layers(_epsilon), for_layers(_epsilon_outside)
    ),
    example=Example(
        networks=lambda: (_normed(epsilon=1e-5), _normed(epsilon=1e-3)),
        twin=lambda: (_normed(epsilon=1e-5), _normed(epsilon=9.999999747378752e-06)),
        twin_shows="The second number is 1e-5 in single precision: the two agree to six digits.",
    ),
)
MOMENTUM = Rule(
    code="ARC121",
    name="momentum",
    effect="training",
    cause="In training, moving means and variances are updated at different rates. The finding "
    "shows the share of the old value that is kept; PyTorch's own momentum is one minus it.",
    consequence="Inference is the same. Fine-tuning yields different statistics.",
    advice="Set the momentum of the original network before you fine-tune.",
    references=("huggingface/transformers#19454", "Cadene/pretrained-models.pytorch#5"),
    check=_momentum,
    example=Example(
        networks=lambda: (_normed(momentum=0.9), _normed(momentum=0.99)),
        twin=lambda: (_normed(momentum=0.9), _normed(momentum=0.8999999761581421)),
        twin_shows="The second number is 0.9 in single precision.",
    ),
)
LEARNED_TERMS = Rule(
    code="ARC123",
    name="learned scale and shift",
    effect="parametrisation",
    cause="A norm has a learned scale or shift in one network only. Without one, the scale is 1 "
    "and the shift is 0.",
    consequence="The network with it can express all functions of the other. The reverse holds "
    "for a scale if a linear layer follows that can absorb it, without an activation in between.",
    advice="Fill the missing scale with ones and the missing shift with zeros.",
    references=(
        "Keras layer BatchNormalization, "
        "https://keras.io/api/layers/normalization_layers/batch_normalization/",
    ),
    check=in_order(for_layers(_terms_of_chain), for_layers(_terms)),
    after=("ARC127",),
    example=Example(
        networks=lambda: (_normed(), _normed(scale=False)),
        twin=lambda: (_network(), _network(scaled=True)),
        twin_shows="Both norms have a scale and a shift; the second network has another pair of "
        "them behind it.",
    ),
)
