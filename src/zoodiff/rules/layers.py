"""Rules about layers that stand for each other: activations, pools, and whatever else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoodiff.graph.align import family
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer
from zoodiff.rules.base import Rule, register
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Undo, shown, window


def called(layer: Layer) -> str:
    """A layer as a person says it: "ReLU6", "3x3 convolution"."""
    if layer.pixels:
        return "pixels " + ", ".join(map(arithmetic, (layer.node, *layer.chain)))
    describe = _DESCRIBED.get(layer.op)
    return describe(layer.node.attributes) if describe else _CALLED.get(layer.op, layer.op)


def arithmetic(node: Node) -> str:
    """One step as a person writes it: "x * 0.0171"."""
    sign = {"Add": "+", "Div": "/", "Mul": "*", "Sub": "-"}[node.op]
    value = node.attributes.get("value")
    return f"{sign} {shown(value) if value is not None else 'weights'}"


def _clip(a: Mapping[str, Any]) -> str:
    if (a.get("min"), a.get("max")) == (0.0, 6.0):
        return "ReLU6"
    return f"clip to [{shown(a.get('min'))}, {shown(a.get('max'))}]"


def _pad(a: Mapping[str, Any]) -> str:
    return f"padding with {shown(a.get('value')) if a.get('mode') == 'constant' else a.get('mode')}"


_DESCRIBED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "AveragePool": lambda a: f"{window(a['kernel_shape'])} average pool",
    "Clip": _clip,
    "Conv": lambda a: f"{window(a['kernel_shape'])} convolution",
    "Gelu": lambda a: "GELU (tanh)" if a.get("approximate") == "tanh" else "GELU",
    "LeakyRelu": lambda a: f"leaky ReLU ({shown(a.get('alpha'))})",
    "MaxPool": lambda a: f"{window(a['kernel_shape'])} maximum pool",
    "Pad": _pad,
}


_CALLED = {
    "BatchNormalization": "batch norm",
    "Elu": "ELU",
    "Gemm": "linear layer",
    "GlobalAveragePool": "global average pool",
    "GlobalMaxPool": "global maximum pool",
    "GroupNormalization": "group norm",
    "HardSigmoid": "hard sigmoid",
    "HardSwish": "hard swish",
    "LRN": "local response norm",
    "LayerNormalization": "layer norm",
    "PRelu": "PReLU",
    "Relu": "ReLU",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Swish": "swish",
    "Tanh": "tanh",
}


def _replaced(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.claim("op") is None:
        return
    kinds = family(pair.a), family(pair.b)
    code = "ARC195"
    if kinds[0] == kinds[1]:
        code = {"activation": "ARC130", "norm": "ARC122", "pool": "ARC131"}.get(kinds[0], code)
    noun = {"ARC130": "activations", "ARC131": "pools", "ARC122": "norms"}.get(code, "")
    yield pair.difference(code, called(pair.a), called(pair.b), "op", noun=noun, undo=Undo.OPERATOR)


register(
    Rule(
        "ARC195",
        "other operator",
        "function",
        "Two layers in the same place compute different things.",
        "Another function.",
        "Look at the places; no rule knows this difference.",
        pair=_replaced,
    )
)


def _activation(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if family(pair.a) == "activation" and pair.unclaimed:
        keys = tuple(pair.unclaimed)
        pair.claim(*keys)
        undo = Undo.OPERATOR if "op" in keys else Undo.ATTRIBUTES
        words = called(pair.a), called(pair.b)
        yield pair.difference("ARC130", *words, *keys, noun="activations", undo=undo)


register(
    Rule(
        "ARC130",
        "activation",
        "function",
        "Another activation, or one in one network only: ReLU and ReLU6, swish and hard swish, "
        "GELU and its tanh approximation.",
        "Another function; weights fit both, so nothing warns.",
        "Check which of the two the weights were trained with.",
        pair=_activation,
    )
)
register(
    Rule(
        "ARC131",
        "pooling kind",
        "function",
        "A maximum in the place of a mean, or a pool in one network only.",
        "Another function; weights fit both, so nothing warns.",
        "Check which of the two the weights were trained with.",
    )
)


def _attention(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op == "MatMul" and (found := pair.claim("scale")):
        left, right = (1.0 if value is None else value for value in found)
        yield pair.difference("ARC170", left, right, "scale")
    if pair.a.op == "MatMul" and {"batch", "k"} <= set(pair.unclaimed):
        batches, widths = pair.unclaimed["batch"], pair.unclaimed["k"]
        rows = [pair.unclaimed.get(key, (0, 0)) for key in ("m", "n")]
        same_rows = all(one == other for one, other in rows)
        if same_rows and batches[0] * widths[0] == batches[1] * widths[1]:
            pair.claim("batch", "k")
            words = [f"{width} channels a head" for width in widths]
            yield pair.difference("ARC172", *words, "batch", "k")


register(
    Rule(
        "ARC170",
        "attention scale",
        "function",
        "Scores of attention are multiplied by another number before the softmax.",
        "Another function; weights fit both, so nothing warns.",
        "The number is one over the square root of the width of a head, unless trained otherwise.",
        pair=_attention,
    )
)


register(
    Rule(
        "ARC172",
        "attention heads",
        "function",
        "An attention divides its channels into another number of heads.",
        "Another function; weights fit both, so nothing warns.",
        "Check which of the two the weights were trained with.",
    )
)


def _quantised(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    found = pair.claim("quantized")
    if found:
        left, right = (_NUMBERS[value or False] for value in found)
        yield pair.difference("ARC171", left, right, "quantized", noun="layers with weights")


_NUMBERS: dict[bool | str, str] = {
    False: "real numbers",
    True: "integers",
    "weights": "real numbers with integer weights",
}
register(
    Rule(
        "ARC171",
        "quantisation",
        "function",
        "Layers compute on integers of 8 bits, or hold their weights as such, in one network.",
        "Outputs differ by rounding; a fraction of a point of top-1 up to several, more where "
        "weights were not calibrated well.",
        "Compare accuracy, not outputs; a quantised copy is another network than the original.",
        pair=_quantised,
    )
)


def _rest(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """What no other rule has taken; registered last by its code, so it sees the rest."""
    for key in list(pair.unclaimed):
        left, right = pair.unclaimed.pop(key)
        if key in {"axis", "shape", "perm"} and _follows(pair):
            continue
        if key in _EXTENTS and pair.a.op == "MatMul":
            continue  # follow from what comes in
        if key == "constant_shape" and networks.a.inputs != networks.b.inputs:
            continue  # one weight a place of the image
        yield pair.difference("ARC180", f"{key} {shown(left)}", f"{key} {shown(right)}", key)


_EXTENTS = frozenset({"batch", "k", "m", "n"})


def _follows(pair: LayerPair) -> bool:
    """Shapes follow from sizes and channels, which have rules of their own."""
    return pair.a.op == "Reshape"


register(
    Rule(
        "ARC180",
        "other attribute",
        "function",
        "Two layers of one operator differ in an attribute for which there is no rule.",
        "Probably another function.",
        "Look at the attribute that is shown.",
        pair=_rest,
    )
)
