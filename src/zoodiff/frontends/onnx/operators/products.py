"""Converts ONNX operators that multiply matrices: linear layers and products."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from string import ascii_letters

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Call, Value, Weight
from zoodiff.frontends.operations import Extents

_SECOND = {"MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3}
"""The position of each operator's second factor."""


def gemm(call: Call) -> Value:
    """Convert Gemm to a linear layer where its second factor is a weight, else to a product."""
    first, second, bias = (call.given(i) for i in range(3))
    assert first is not None and second is not None
    reversed_, turned = (bool(call.attributes.get(name, 0)) for name in ("transA", "transB"))
    alpha = float(call.attributes.get("alpha", 1.0))
    beta = float(call.attributes.get("beta", 1.0)) if bias is not None else 1.0
    rows, columns = second.shape[::-1] if turned else second.shape
    if isinstance(second, Weight):
        layer = operations.linear(rows, columns, bias=bias is not None, axis=1)
        scaled = operations.scaled_product(layer, alpha=alpha, beta=beta, transposed=reversed_)
        return call.node(scaled, matrices="OI" if turned else "IO")
    product = operations.matmul(
        Extents(1, first.shape[1 if reversed_ else 0], rows, columns),
        first_transposed=reversed_,
        second_transposed=turned,
        constant_first=isinstance(first, Weight),
        bias=bias is not None,
    )
    return call.node(operations.scaled_product(product, alpha=alpha, beta=beta))


def matmul(call: Call) -> Value:
    """Convert matrix products; with a weight, a vector that is added right after is the bias."""
    first, second = call.given(0), call.given(_SECOND[call.op])
    assert first is not None and second is not None
    call.quantized = call.op != "MatMul"
    if isinstance(first, Value) and isinstance(second, Weight) and len(second.shape) == 2:
        rows, columns = second.shape
        summed = call.quantized and call.given(4) is None
        following = None if summed or call.op == "QLinearMatMul" else call.bias_after(columns)
        bias = following[0] if following else None
        if following:
            call.merged.append(following[1])
        layer = operations.linear(rows, columns, bias=bias is not None, axis=len(first.shape) - 1)
        return call.node(layer, inputs=[first, second, bias])
    left = first.shape if len(first.shape) > 1 else (1, *first.shape)
    right = second.shape if len(second.shape) > 1 else (*second.shape, 1)
    extents = Extents(_batch(left[:-2], right[:-2]), left[-2], left[-1], right[-1])
    product = operations.matmul(extents, constant_first=isinstance(first, Weight))
    return call.node(product, inputs=[first, second])


def einsum(call: Call) -> Value | None:
    """Convert an Einsum of two computed tensors to a product; None for other forms."""
    first, second = call.given(0), call.given(1)
    equation = str(call.attributes.get("equation", "")).replace(" ", "")
    left, _, result = equation.partition("->")
    terms = left.split(",")
    if not isinstance(first, Value) or not isinstance(second, Value) or len(terms) != 2:
        return None
    if not result or len(call.inputs) != 2:
        return None
    if "..." in equation:
        leading = _ellipsis(terms, (first.shape, second.shape), equation)
        if leading is None:
            return None
        equation = equation.replace("...", leading)
        terms, result = equation.partition("->")[0].split(","), equation.partition("->")[2]
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, (first, second), strict=True):
        if len(term) != len(operand.shape):
            return None
        sizes |= dict(zip(term, operand.shape, strict=True))
    left_term, right_term, result_indices = set(terms[0]), set(terms[1]), set(result)
    extents = Extents(
        batch=prod(sizes[i] for i in left_term & right_term & result_indices),
        m=prod(sizes[i] for i in left_term - right_term),
        k=prod(sizes[i] for i in (left_term & right_term) - result_indices),
        n=prod(sizes[i] for i in right_term - left_term),
    )
    return call.node(operations.matmul(extents, equation=equation))


def _ellipsis(terms: Sequence[str], shapes: Sequence[Sequence[int]], equation: str) -> str | None:
    """Return letters for the axes of ``...``; None where operands have different ones there."""
    parts = [
        tuple(shape[(at := term.find("...")) : at + len(shape) - len(term) + len("...")])
        for term, shape in zip(terms, shapes, strict=True)
    ]
    free = [letter for letter in ascii_letters if letter not in equation]
    if len(set(parts)) != 1 or not all("..." in term for term in terms):
        return None
    return "".join(free[: len(parts[0])]) if len(parts[0]) <= len(free) else None


def _batch(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of products; leading axes are broadcast as in numpy."""
    import numpy as np

    return prod(int(n) for n in np.broadcast_shapes(tuple(first), tuple(second)))
