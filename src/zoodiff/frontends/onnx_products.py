"""ONNX operators that multiply matrices: linear layers and products of computed tensors."""

from __future__ import annotations

from math import prod
from typing import Any

from zoodiff.frontends.onnx_call import Attributes, Call, Value, Weight

_SECOND = {"MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3}
"""Where each operator has its second factor."""


def gemm(call: Call) -> Value:
    """Gemm: a linear layer where its second factor is a weight, else a product."""
    first, second, bias = (call.given(i) for i in range(3))
    assert first is not None and second is not None
    settings: Attributes = {"bias": bias is not None}
    if call.attributes.get("transA", 0):
        settings["transA"] = True
    for name in ("alpha", "beta"):
        if call.attributes.get(name, 1.0) != 1.0 and (name == "alpha" or bias is not None):
            settings[name] = float(call.attributes[name])
    turned = bool(call.attributes.get("transB", 0))
    rows, columns = second.shape[::-1] if turned else second.shape
    if isinstance(second, Weight):
        sizes: Attributes = {"in_features": rows, "out_features": columns, "axis": 1}
        if turned:
            settings["weight_transposed"] = True
        return call.node("Gemm", sizes | settings)
    if turned:
        settings["transB"] = True
    if isinstance(first, Weight):
        settings["constant_first"] = True
    height = first.shape[1 if "transA" in settings else 0]
    return call.node("MatMul", {"batch": 1, "m": height, "k": rows, "n": columns} | settings)


def matmul(call: Call) -> Value:
    """MatMul, MatMulInteger and QLinearMatMul; a lone vector added behind a weight is its bias."""
    first, second = call.given(0), call.given(_SECOND[call.op])
    assert first is not None and second is not None
    call.quantized = call.op != "MatMul"
    if isinstance(first, Value) and isinstance(second, Weight) and len(second.shape) == 2:
        rows, columns = second.shape
        following = None if call.quantized else call.bias_after(columns)
        bias = following[0] if following else None
        if following:
            call.merged.append(following[1])
        sizes: Attributes = {
            "in_features": rows,
            "out_features": columns,
            "bias": bias is not None,
            "axis": len(first.shape) - 1,
        }
        return call.node("Gemm", sizes, inputs=[first, second, bias])
    left = first.shape if len(first.shape) > 1 else (1, *first.shape)
    right = second.shape if len(second.shape) > 1 else (*second.shape, 1)
    products: Attributes = {
        "batch": _batch(left[:-2], right[:-2]),
        "m": left[-2],
        "k": left[-1],
        "n": right[-1],
    }
    if isinstance(first, Weight):
        products["constant_first"] = True
    return call.node("MatMul", products, inputs=[first, second])


def einsum(call: Call) -> Value | None:
    """A product of two computed tensors; its sizes are read off the equation."""
    first, second = call.given(0), call.given(1)
    equation = str(call.attributes.get("equation", "")).replace(" ", "")
    left, _, result = equation.partition("->")
    terms = left.split(",")
    if not isinstance(first, Value) or not isinstance(second, Value) or len(terms) != 2:
        return None
    if "." in equation or not result or len(call.inputs) != 2:
        return None
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, (first, second), strict=True):
        if len(term) != len(operand.shape):
            return None
        sizes |= dict(zip(term, operand.shape, strict=True))
    one, other, kept = set(terms[0]), set(terms[1]), set(result)
    products: Attributes = {
        "batch": prod(sizes[i] for i in one & other & kept),
        "m": prod(sizes[i] for i in one - other),
        "k": prod(sizes[i] for i in (one & other) - kept),
        "n": prod(sizes[i] for i in other - one),
        "equation": equation,
    }
    return call.node("MatMul", products)


def _batch(first: Any, second: Any) -> int:
    """Number of products: leading extents are broadcast as numpy does."""
    import numpy as np

    return prod(int(n) for n in np.broadcast_shapes(tuple(first), tuple(second)))
