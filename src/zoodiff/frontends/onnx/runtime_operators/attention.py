"""Attention over heads, from packed or separate queries, keys and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoodiff.frontends.onnx.runtime_operators.products import integer_product
from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting

_LOWEST = -3.4028234663852886e38
"""The lowest number of float32, which ONNX Runtime adds to scores that a causal mask hides."""


def _attention(r: Rewriting) -> bool:
    """Input, packed weight and bias, mask, past, added bias; without a cache of past keys."""
    if r.given(4) or r.given(6):
        return False
    product = r.add("MatMul", r.given(0), r.given(1))
    return _packed_attention(r, product, bias=r.given(2), masks=(r.given(3), r.given(5)))


def _quantised_attention(r: Rewriting) -> bool:
    """Integers, packed weight, bias, two scales, mask, two zero points, past."""
    if not r.is_dynamic(r.given(0)) or r.given(8):
        return False
    data = (r.given(0), r.given(3), r.given(6))
    product = integer_product(r, data, (r.given(1), r.given(4), r.given(7)))
    return _packed_attention(r, product, bias=r.given(2), masks=(r.given(5), ""))


def _packed_attention(r: Rewriting, product: str, *, bias: str, masks: tuple[str, str]) -> bool:
    """Add attention on queries, keys and values that one product computes."""
    weight, shift = r.dims(r.given(1)), r.dims(bias)
    if r.output(1) or r.flag("do_rotary") or not weight:
        return False
    sizes = [int(n) for n in r.attributes.get("qkv_hidden_sizes", ())]
    sizes = sizes or [weight[-1] // 3] * 3
    if sum(sizes) != weight[-1] or (shift and shift[-1] != weight[-1]):
        return False
    packed = r.sum_of(product, bias)
    ends = [sum(sizes[: i + 1]) for i in range(3)]
    parts = [r.part(packed, end - size, end) for size, end in zip(sizes, ends, strict=True)]
    return _attended(r, parts, sizes, masks=masks)


def _multi_head_attention(r: Rewriting) -> bool:
    """Query, key, value, bias, mask, added bias; each of three axes, without a cache."""
    bias = r.dims(r.given(3))
    cached = any(r.given(i) for i in range(6, len(r.node.input)))
    if cached or r.output(1) or not (r.given(1) and r.given(2)) or not bias:
        return False
    if bias[-1] % 3:
        return False
    width = bias[-1] // 3
    parts = [r.sum_of(r.given(i), r.part(r.given(3), i * width, (i + 1) * width)) for i in range(3)]
    return _attended(r, parts, [width] * 3, masks=(r.given(4), r.given(5)))


def _attended(
    r: Rewriting, parts: Sequence[str], sizes: Sequence[int], masks: tuple[str, str]
) -> bool:
    """Add attention over heads; False for masks of other forms, and causal ones before Trilu.

    ``masks`` are one of ones and zeros by batch and key, or of the length of each sequence, and a
    bias that is added to scores.
    """
    heads = int(r.attributes.get("num_heads", 0))
    causal = r.flag("unidirectional")
    if heads < 1 or any(size % heads for size in sizes) or (causal and r.opset < _TRILU):
        return False
    lengths = r.is_sum(masks[0])
    if masks[0] and r.rank(masks[0]) != 2 and not lengths:
        return False  # begins and ends of sequences, or a mask of its own for each query
    default = (sizes[0] // heads) ** -0.5
    scale = r.number("scale", 0.0) or default
    q, k, v = (
        r.add("Transpose", r.reshaped(part, [0, 0, heads, size // heads]), perm=order)
        for part, size, order in zip(
            parts, sizes, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True
        )
    )
    scores = r.scaled(r.add("MatMul", q, k), scale)
    scores = r.sum_of(scores, masks[1])
    if masks[0]:
        scores = r.add("Add", scores, _hidden_keys(r, masks[0], parts[1], lengths=lengths))
    if causal:
        scores = r.add("Add", scores, _later_keys(r, parts[0], parts[1]))
    shares = r.add("Softmax", scores, axis=3)
    joined = r.add("Transpose", r.add("MatMul", shares, v), perm=[0, 2, 1, 3])
    r.add("Reshape", joined, r.constant([0, 0, sizes[2]]), result=r.output(0))
    return True


_TRILU = 14
"""The opset since which ONNX has Trilu."""


def _hidden_keys(r: Rewriting, mask: str, key: str, *, lengths: bool) -> str:
    """Return what is added to the scores of keys whose mask is 0, or that lie behind a length."""
    from onnx import TensorProto

    if lengths:
        count = r.add("Gather", r.add("Shape", key), r.constant(1), axis=0)
        places = r.add("Range", r.constant(0), count, r.constant(1))
        ends = r.reshaped(r.add("Cast", mask, to=TensorProto.INT64), [-1, 1])
        present = r.add("Less", places, ends)
    else:
        present = r.add("Cast", mask, to=TensorProto.BOOL)
    hidden = r.constant(r.number("mask_filter_value", -10000.0), "float32")
    added = r.add("Where", present, r.constant(0.0, "float32"), hidden)
    return r.reshaped(added, [0, 1, 1, -1])


def _later_keys(r: Rewriting, query: str, key: str) -> str:
    """Return what is added to the scores of keys behind the query's own place."""
    import numpy as np
    from onnx import numpy_helper

    starts, ends, axes = (r.constant([n]) for n in (1, 2, 0))
    lengths = [r.add("Slice", r.add("Shape", part), starts, ends, axes) for part in (query, key)]
    shape = r.add("Concat", *lengths, axis=0)
    fill = numpy_helper.from_array(np.asarray([_LOWEST], dtype=np.float32))
    filled = r.add("ConstantOfShape", shape, value=fill)
    return r.add("Trilu", filled, r.constant(1), upper=1)


OPERATORS: Mapping[str, Rewriter] = {
    "Attention": _attention,
    "MultiHeadAttention": _multi_head_attention,
    "QAttention": _quantised_attention,
}
"""Operators of ONNX Runtime's domain, by name."""
