"""How findings name layers, operators and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoodiff.graph.ir import AttributeValue, Node
from zoodiff.graph.layers import Item, Layer


def shown(value: object) -> str:
    """A value as a person writes it.

    >>> shown(None), shown(True), shown(0.1 + 0.2), shown([1, 2])
    ('none', 'yes', '0.3', '(1, 2)')
    """
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return "none" if value is None else "no"
    if value is True:
        return "yes"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(shown(v) for v in value) + ")"
    return str(value)


def window(kernel: AttributeValue | Sequence[int]) -> str:
    """A kernel as a person writes it.

    >>> window([3, 3])
    '3x3'
    """
    return "x".join(str(n) for n in kernel) if isinstance(kernel, Sequence) else shown(kernel)


def sides(pads: Sequence[int] | None) -> str:
    """Pads as they take effect: top+bottom by left+right, or one number for all.

    >>> sides([1, 1, 1, 1]), sides([0, 0, 1, 1]), sides([0, 1, 2, 3])
    ('1', '0 before, 1 after', 'top 0, left 1, bottom 2, right 3')
    """
    if pads is None:
        return "none"
    if len(set(pads)) == 1:
        return str(pads[0]) if pads[0] else "none"
    if len(pads) == 4:
        top, left, bottom, right = pads
        if (top, bottom) == (left, right):
            return f"{top} before, {bottom} after"
        return f"top {top}, left {left}, bottom {bottom}, right {right}"
    return shown(pads)


def chain(items: Sequence[Item]) -> str:
    """An affine chain in words.

    >>> chain([("bias",), ("norm", 1e-5, True, True)]), chain([])
    ('bias, batch norm', 'none')
    """
    words = {"bias": "bias", "norm": "batch norm", "scale": "scale", "shift": "shift"}
    return ", ".join(words[item[0]] for item in items) or "none"


def learned(scale: bool, shift: bool) -> str:
    """The learned terms of a norm in words.

    >>> learned(True, False)
    'scale'
    """
    words = [word for word, there in (("scale", scale), ("shift", shift)) if there]
    return " and ".join(words) or "neither scale nor shift"


def called(layer: Layer) -> str:
    """A layer as a person says it: "ReLU6", "3x3 convolution"."""
    if layer.pixels:
        return "pixels " + ", ".join(map(arithmetic, (layer.node, *layer.chain)))
    if layer.op in _SIGNS and layer.node.attributes.get("value") is not None:
        return arithmetic(layer.node)
    describe = _DESCRIBED.get(layer.op)
    return describe(layer.node.attributes) if describe else _CALLED.get(layer.op, layer.op)


_SIGNS = {"Add": "+", "Div": "/", "Mul": "*", "Sub": "-"}


def arithmetic(node: Node) -> str:
    """One step of arithmetic as a person writes it: "* 0.0171"."""
    sign = _SIGNS[node.op]
    value, axis = node.attributes.get("value"), node.attributes.get("axis")
    along = "" if axis in {None, 1} else f" along axis {axis}"
    return f"{sign} {shown(value) if value is not None else 'weights'}{along}"


def steps_in_words(layer: Layer) -> str:
    """Arithmetic on pixels as a person writes it: "* 0.0171; - 0.485"."""
    return "; ".join(map(arithmetic, (layer.node, *layer.chain)))


def listed(layers: Sequence[Layer]) -> str:
    """Layers as a person lists them: "average pool, 1x1 convolution"; many are counted."""
    if not layers:
        return "none"
    names = [called(layer) for layer in layers]
    if len(names) <= 6:
        return ", ".join(names)
    counts = Counter(names)
    parts = [f"{n} x {name}" if n > 1 else name for name, n in counts.most_common(5)]
    more = len(counts) - len(parts)
    return ", ".join(parts) + (f" and {more} more kinds" if more else "")


def plural(layer: Layer) -> str:
    """What layers of this operator are called: "depthwise convolutions"."""
    if layer.op == "Conv":
        group = layer.node.attributes.get("group", 1)
        depthwise = group == layer.node.attributes.get("out_channels") and group != 1
        return "depthwise convolutions" if depthwise else "convolutions"
    return _PLURALS.get(layer.op, f"{layer.op} layers")


def _clip(a: Mapping[str, Any]) -> str:
    if (a.get("min"), a.get("max")) == (0.0, 6.0):
        return "ReLU6"
    return f"clip to [{shown(a.get('min'))}, {shown(a.get('max'))}]"


_TURNED = {2: "rows in reversed order (upside down)", 3: "columns in reversed order (mirrored)"}


def _transpose(a: Mapping[str, Any]) -> str:
    if a.get("perm") in ([0, 1, 3, 2], [0, 2, 1]):
        return "rows for columns (transposed)"
    return f"axes in the order {shown(a.get('perm'))}"


def _slice(a: Mapping[str, Any]) -> str:
    if a.get("axes") == [1] and a.get("steps") == [-1]:
        return "channels in reversed order (RGB for BGR)"
    if a.get("axes") in ([2], [3]) and a.get("steps") == [-1]:
        return _TURNED[a["axes"][0]]
    if a.get("steps") and set(a["steps"]) != {1}:
        return f"slice of axes {shown(a.get('axes'))} in steps of {shown(a['steps'])}"
    return "slice"


def _swish(a: Mapping[str, Any]) -> str:
    slope = a.get("alpha", 1.0)
    if abs(slope - 1.702) < 1e-3:
        return "QuickGELU (swish with slope 1.702)"
    return "swish" if slope == 1.0 else f"swish with slope {shown(slope)}"


def _elu(a: Mapping[str, Any]) -> str:
    alpha = a.get("alpha", 1.0)
    return "ELU" if alpha == 1.0 else f"ELU with alpha {shown(alpha)}"


def _softplus(a: Mapping[str, Any]) -> str:
    beta = a.get("beta", 1.0)
    return "softplus" if beta == 1.0 else f"softplus with beta {shown(beta)}"


def _hard_sigmoid(a: Mapping[str, Any]) -> str:
    slope, offset = a.get("alpha", 1 / 6), a.get("beta", 0.5)
    sixth = "1/6" if abs(slope - 1 / 6) < 1e-4 else shown(slope)
    return f"hard sigmoid with slope {sixth}" + (
        f" and {shown(offset)} at 0" if offset != 0.5 else ""
    )


def _pad(a: Mapping[str, Any]) -> str:
    return f"padding with {shown(a.get('value')) if a.get('mode') == 'constant' else a.get('mode')}"


_DESCRIBED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "AveragePool": lambda a: f"{window(a['kernel_shape'])} average pool",
    "Clip": _clip,
    "Conv": lambda a: f"{window(a['kernel_shape'])} convolution",
    "Elu": _elu,
    "Gelu": lambda a: "GELU (tanh)" if a.get("approximate") == "tanh" else "GELU",
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": lambda a: f"leaky ReLU ({shown(a.get('alpha'))})",
    "MaxPool": lambda a: f"{window(a['kernel_shape'])} maximum pool",
    "Pad": _pad,
    "Slice": _slice,
    "Softplus": _softplus,
    "Swish": _swish,
    "Transpose": _transpose,
}


_CALLED = {
    "BatchNormalization": "batch norm",
    "Gemm": "linear layer",
    "GlobalAveragePool": "global average pool",
    "GlobalMaxPool": "global maximum pool",
    "GroupNormalization": "group norm",
    "HardSwish": "hard swish",
    "LRN": "local response norm",
    "InstanceNormalization": "instance norm",
    "LayerNormalization": "layer norm",
    "Mish": "Mish",
    "PRelu": "PReLU",
    "RMSNormalization": "RMS norm",
    "Relu": "ReLU",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Tanh": "tanh",
}


_PLURALS = {
    "Add": "additions",
    "AveragePool": "average pools",
    "BatchNormalization": "batch norms",
    "Concat": "concatenations",
    "ConvTranspose": "transposed convolutions",
    "Gemm": "linear layers",
    "GlobalAveragePool": "global average pools",
    "GroupNormalization": "group norms",
    "LRN": "local response norms",
    "InstanceNormalization": "instance norms",
    "LayerNormalization": "layer norms",
    "MatMul": "matrix products",
    "MaxPool": "maximum pools",
    "Mul": "multiplications",
    "RMSNormalization": "RMS norms",
    "Relu": "activations",
    "Softmax": "softmaxes",
}
