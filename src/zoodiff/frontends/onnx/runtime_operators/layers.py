"""Layers with their activation, products, norms after a sum, and embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting


def _activated(r: Rewriting, data: str, activation: str, numbers: Sequence[float]) -> bool:
    """Add the activation of a fused layer; False if it is unknown."""
    if activation not in _ACTIVATIONS:
        return False
    names = _ACTIVATIONS[activation]
    if len(numbers) > len(names):
        return False
    if activation == "Clip":
        if len(numbers) != 2 or r.opset < _CLIP_BY_INPUTS:
            return False
        bounds = [r.constant(number, "float32") for number in numbers]
        r.add("Clip", data, *bounds, result=r.output(0))
        return True
    r.add(activation, data, result=r.output(0), **dict(zip(names, numbers, strict=False)))
    return True


_ACTIVATIONS: dict[str, tuple[str, ...]] = {
    "Clip": ("min", "max"),
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "HardSwish": (),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "Tanh": (),
}
"""Activations inside fused layers, each with its parameters in their order."""
_CLIP_BY_INPUTS = 11
"""The opset since which bounds of Clip are inputs."""


def _gelu(r: Rewriting) -> bool:
    r.add("Gelu", r.given(0), result=r.output(0))
    return True


def _bias_gelu(r: Rewriting) -> bool:
    r.add("Gelu", r.sum_of(r.given(0), r.given(1)), result=r.output(0))
    return True


def _fast_gelu(r: Rewriting) -> bool:
    r.add("Gelu", r.sum_of(r.given(0), r.given(1)), result=r.output(0), approximate="tanh")
    return True


def _quick_gelu(r: Rewriting) -> bool:
    gate = r.add("Sigmoid", r.scaled(r.given(0), r.number("alpha", 1.702)))
    r.add("Mul", r.given(0), gate, result=r.output(0))
    return True


def _fused_conv(r: Rewriting) -> bool:
    attributes = dict(r.attributes)
    activation = r.text("activation")
    numbers = [float(number) for number in attributes.pop("activation_params", ())]
    attributes.pop("activation", None)
    added = r.given(3)
    inputs = [name for name in r.node.input[:3] if name]
    plain = not activation and not added
    result = r.add("Conv", *inputs, result=r.output(0) if plain else "", **attributes)
    if added:
        result = r.sum_of(result, added, result="" if activation else r.output(0))
    return not activation or _activated(r, result, activation, numbers)


def _fused_gemm(r: Rewriting) -> bool:
    attributes = dict(r.attributes)
    activation = r.text("activation")
    attributes.pop("activation", None)
    numbers = [
        float(attributes.pop(f"activation_{name}"))
        for name in ("alpha", "beta", "gamma")
        if f"activation_{name}" in attributes
    ]
    result = r.add("Gemm", *r.node.input, result="" if activation else r.output(0), **attributes)
    return not activation or _activated(r, result, activation, numbers)


def _fused_matmul(r: Rewriting) -> bool:
    first, second = r.given(0), r.given(1)
    factor = r.number("alpha", 1.0)
    name = r.output(0) if factor == 1 else ""
    batches_first = r.flag("transBatchA") or r.flag("transBatchB")
    turned = [_turned(r, first, r.flag("transA")), _turned(r, second, r.flag("transB"))]
    if all(turned) and not batches_first:
        result = r.add("MatMul", turned[0] or "", turned[1] or "", result=name)
    elif r.opset >= _EINSUM and not (r.dims(first) or r.dims(second)):
        left = _term("ki" if r.flag("transA") else "ik", r.flag("transBatchA"))
        right = _term("jk" if r.flag("transB") else "kj", r.flag("transBatchB"))
        result = r.add("Einsum", first, second, result=name, equation=f"{left},{right}->...ij")
    else:
        return False
    if factor != 1:
        r.scaled(result, factor, result=r.output(0))
    return True


def _term(matrix: str, batches_inside: bool) -> str:
    """Return a factor's term: its batches lie before the matrix, or between rows and columns."""
    return f"{matrix[0]}...{matrix[1]}" if batches_inside else f"...{matrix}"


_EINSUM = 12
"""The opset since which ONNX has Einsum."""


def _turned(r: Rewriting, name: str, turned: bool) -> str | None:
    """Return a factor with its last two axes exchanged if asked; None if its rank is unknown."""
    if not turned:
        return name
    dims = r.dims(name)
    if dims is None:
        return None
    if len(dims) < 2:
        return name
    order = [*range(len(dims) - 2), len(dims) - 1, len(dims) - 2]
    return r.add("Transpose", name, perm=order)


def _normalised(r: Rewriting, total: str, weights: Sequence[str], *, simplified: bool) -> None:
    op = "RMSNormalization" if simplified else "LayerNormalization"
    default = 1e-5 if simplified and r.node.op_type.startswith("Simplified") else 1e-12
    epsilon = r.number("epsilon", default)
    names = [name for name in weights if name]
    r.add(op, total, *names, result=r.output(0), axis=-1, epsilon=epsilon)


def _skip_layer_norm(r: Rewriting) -> bool:
    """Input, skip, scale, shift, bias; outputs: result, mean, inverse deviation, sum."""
    if r.output(1) or r.output(2):
        return False
    # The bias belongs to the product before, where it is read as the bias of its layer.
    total = r.sum_of(r.given(0), r.given(4), r.given(1), result=r.output(3))
    _normalised(r, total, [r.given(2), r.given(3)], simplified=False)
    return True


def _skip_simplified_layer_norm(r: Rewriting) -> bool:
    """Input, skip, scale, bias; outputs: result, mean, inverse deviation, sum."""
    if r.output(1) or r.output(2):
        return False
    total = r.sum_of(r.given(0), r.given(3), r.given(1), result=r.output(3))
    _normalised(r, total, [r.given(2)], simplified=True)
    return True


def _simplified_layer_norm(r: Rewriting) -> bool:
    if r.output(1) or int(r.attributes.get("axis", -1)) != -1:
        return False
    _normalised(r, r.given(0), [r.given(1)], simplified=True)
    return True


def _embed_layer_norm(r: Rewriting) -> bool:
    """Tokens, segments, three tables, scale, shift, mask, positions; the sum is output 2."""
    words, positions, segments = (r.given(i) for i in (2, 3, 4))
    if r.output(1) or bool(r.given(1)) != bool(segments):
        return False
    r.without_effect.add(r.given(7))  # the mask is for the output that is not there
    total = r.add("Gather", words, r.given(0), axis=0)
    if r.given(8):
        place = r.add("Gather", positions, r.given(8), axis=0)
    else:
        starts, ends, axes = (r.constant([n]) for n in (1, 2, 0))
        length = r.add("Slice", r.add("Shape", r.given(0)), starts, ends, axes)
        place = r.add("Slice", positions, r.constant([0]), length, axes)
    segment = r.add("Gather", segments, r.given(1), axis=0) if segments else ""
    total = r.sum_of(total, place, segment, result=r.output(2))
    _normalised(r, total, [r.given(5), r.given(6)], simplified=False)
    return True


OPERATORS: Mapping[str, Rewriter] = {
    "BiasGelu": _bias_gelu,
    "EmbedLayerNormalization": _embed_layer_norm,
    "FastGelu": _fast_gelu,
    "FusedConv": _fused_conv,
    "FusedGemm": _fused_gemm,
    "FusedMatMul": _fused_matmul,
    "Gelu": _gelu,
    "QuickGelu": _quick_gelu,
    "SimplifiedLayerNormalization": _simplified_layer_norm,
    "SkipLayerNormalization": _skip_layer_norm,
    "SkipSimplifiedLayerNormalization": _skip_simplified_layer_norm,
    "TransposeMatMul": _fused_matmul,
}
"""Operators of ONNX Runtime's domain, by name."""
