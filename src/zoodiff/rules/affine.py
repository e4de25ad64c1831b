"""Rules about per-channel arithmetic: bias, batch norm, scale, epsilon, and other norms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zoodiff.rules.base import Rule, register
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Undo, plural, shown

Item = tuple[Any, ...]


def _norm(items: Sequence[Item]) -> Item | None:
    return next((item for item in items if item[0] == "norm"), None)


def _chains(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """Name every difference between two affine chains."""
    found = pair.claim("items")
    if found is None:
        return
    left, right = found
    one, other = _norm(left), _norm(right)
    if (one is None) != (other is None):
        yield from _folded(pair, left, right)
        return
    if one is not None and other is not None:
        yield from _norms(pair, one, other)
        yield from _bias_before(pair, left, right)
        after = [
            list(items[items.index(norm) + 1 :]) for items, norm in ((left, one), (right, other))
        ]
        if after[0] != after[1]:
            yield _edit(pair, "ARC113", _written(after[0]), _written(after[1]))
    elif left != right:
        shifts = [bool({("bias",), ("shift",)} & set(items)) for items in (left, right)]
        # A scale goes into the weights, and a shift into the bias.
        equal = shifts[0] == shifts[1] and not (pair.a.affine or pair.b.affine)
        yield _edit(pair, "ARC113" if equal else "ARC111", _written(left), _written(right))


def _bias_before(
    pair: LayerPair, left: Sequence[Item], right: Sequence[Item]
) -> Iterable[Difference]:
    before = [bool(items) and items[0] == ("bias",) for items in (left, right)]
    if before[0] != before[1]:
        words = ["bias before the norm" if flag else "none" for flag in before]
        yield _edit(pair, "ARC110", *words)


def _norms(pair: LayerPair, one: Item, other: Item) -> Iterable[Difference]:
    if one[1] != other[1]:
        yield _edit(pair, "ARC120", shown(one[1]), shown(other[1]), noun="batch norms")
    if one[2:] != other[2:]:
        yield _edit(pair, "ARC123", _learned(one), _learned(other), noun="batch norms")


def _folded(pair: LayerPair, left: Sequence[Item], right: Sequence[Item]) -> Iterable[Difference]:
    """A batch norm here, none there: folded into a bias, or really missing."""
    bare = left if _norm(left) is None else right
    code = "ARC112" if ("bias",) in bare or ("shift",) in bare else "ARC122"
    yield _edit(pair, code, _written(left), _written(right))


def _written(items: Sequence[Item]) -> str:
    words = {"bias": "bias", "norm": "batch norm", "scale": "scale", "shift": "shift"}
    return ", ".join(words[item[0]] for item in items) or "none"


def _learned(norm: Item) -> str:
    words = [word for word, there in zip(("scale", "shift"), norm[2:], strict=True) if there]
    return " and ".join(words) or "neither scale nor shift"


def _edit(pair: LayerPair, code: str, left: str, right: str, *, noun: str = "") -> Difference:
    owned = [
        sum(p.size for p in layer.node.parameters if p.role == "bias" and p.trainable)
        for layer in (pair.a, pair.b)
    ]
    return Difference(
        code,
        left,
        right,
        (pair.a.index,),
        (pair.b.index,),
        _UNDO.get(code, Undo.NOTHING),
        ("items",),
        noun or plural(pair.a),
        owned[1] - owned[0] if code == "ARC110" else 0,
    )


_UNDO = {"ARC111": Undo.CHAIN, "ARC120": Undo.EPSILON, "ARC122": Undo.CHAIN}


register(
    Rule(
        "ARC110",
        "bias before norm",
        "parametrisation",
        "A convolution or linear layer has a bias although a batch norm follows. The norm "
        "subtracts it again: its moving mean contains it.",
        "More parameters, the same functions: the bias disappears when the norm is folded.",
        "Nothing to do. Do not take parameter counts for a proof of difference.",
        pair=_chains,
    )
)
register(
    Rule(
        "ARC111",
        "bias",
        "function",
        "A layer without a norm behind it has a bias in one network and none in the other.",
        "One network can express functions that the other cannot.",
        "Weights of the one with a bias do not fit; the other's fit with zeros.",
    )
)
register(
    Rule(
        "ARC112",
        "batch norm folded",
        "parametrisation",
        "One network has a batch norm where the other has only a bias. Exporters fold a norm into "
        "the weights before it; some networks never had one (GoogLeNet, VGG).",
        "At inference the same functions can be expressed. Which of the two cases it is, the "
        "weights tell: compare them (`zoodiff diff --weights`).",
        "For inference nothing; for training the two are different networks.",
    )
)
register(
    Rule(
        "ARC113",
        "scale layers",
        "parametrisation",
        "A scale and a shift a channel follow the batch norm as layers of their own, as Caffe "
        "has them, on top of or instead of the norm's own.",
        "More parameters, the same functions.",
        "Nothing to do.",
    )
)
register(
    Rule(
        "ARC120",
        "epsilon",
        "function",
        "The number that a norm adds to the variance differs between frameworks: 1e-5 in PyTorch, "
        "1e-3 in TensorFlow, 1.001e-5 in some Keras networks.",
        "Channels of small variance are scaled differently. From 1e-5 to 1.001e-5 that is "
        "nothing; from 1e-5 to 1e-3 it costs top-1 points where variances are small.",
        "When porting weights, port the epsilon too.",
    )
)
register(
    Rule(
        "ARC122",
        "normalisation kind",
        "function",
        "Another kind of norm, or a norm in one network only.",
        "Another function; weights do not fit.",
        "Two networks under one name: choose by the claim that you rely on.",
    )
)
register(
    Rule(
        "ARC123",
        "learned scale and shift",
        "parametrisation",
        "A norm has a learned scale or shift in one network only. Without one it is 1 or 0.",
        "The network with it can express the other's functions; without a scale a linear layer "
        "behind can make up for it, unless an activation stands between.",
        "Fill the missing scale with ones and the missing shift with zeros.",
    )
)


def _norm_attributes(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op not in _NORMS:
        return
    if found := pair.claim("epsilon"):
        yield pair.difference("ARC120", found[0], found[1], "epsilon")
    flags = [pair.claim("scale"), pair.claim("center")]
    if any(flags):
        words = [
            _learned(
                (
                    "norm",
                    0,
                    bool(x.node.attributes.get("scale")),
                    bool(x.node.attributes.get("center")),
                )
            )
            for x in (pair.a, pair.b)
        ]
        yield pair.difference("ARC123", *words, "scale", "center")
    if pair.a.op == "LRN" and pair.unclaimed:
        keys = tuple(pair.unclaimed)
        left = ", ".join(f"{key} {shown(pair.unclaimed[key][0])}" for key in keys)
        right = ", ".join(f"{key} {shown(pair.unclaimed[key][1])}" for key in keys)
        pair.claim(*keys)
        yield pair.difference("ARC124", left, right, *keys)
    elif found := pair.claim("axes", "num_groups", "axis"):
        yield pair.difference("ARC122", found[0], found[1], "axes", "num_groups", "axis")


_NORMS = frozenset(
    {
        "BatchNormalization",
        "GroupNormalization",
        "InstanceNormalization",
        "LRN",
        "LayerNormalization",
    }
)

register(
    Rule(
        "ARC124",
        "local response norm",
        "function",
        "Responses are divided by those of neighbouring channels (AlexNet of 2012, GoogLeNet) in "
        "one network and not, or with other constants, in the other. Later networks left it out.",
        "Another function; weights of one give wrong results in the other, without any error.",
        "Two networks under one name: choose by the claim that you rely on.",
        pair=_norm_attributes,
    )
)


def _momentum(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        one, other = networks.a.layers[i], networks.b.layers[j]
        values = []
        for layer in (one, other):
            norms = [n for n in (layer.node, *layer.chain) if n.op == "BatchNormalization"]
            values.append(norms[0].attributes.get("momentum") if norms else None)
        left, right = values
        if not isinstance(left, float) or not isinstance(right, float):
            continue
        if abs(left - right) > 1e-6:
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


register(
    Rule(
        "ARC121",
        "momentum",
        "training",
        "Moving means and variances forget at another rate in training. Shown is the share of "
        "the old value that is kept; PyTorch's own momentum is one minus it.",
        "None at inference. Fine-tuning ends in other statistics.",
        "Set it as the original has it before fine-tuning.",
        networks=_momentum,
    )
)
