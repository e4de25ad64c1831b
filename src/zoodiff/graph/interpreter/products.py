"""Linear layers and products of computed tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler, along


def _gemm(call: Call) -> Array:
    """Compute a linear layer over one axis of the data, or by its equation; weight (out, in).

    ONNX's ``Gemm`` may transpose the data and scale product and bias.
    """
    a = call.attributes
    weight, bias = call.weight_and_bias()
    if "equation" in a:
        result = einsum(a["equation"], call.data, weight)
        return result if bias is None else result + bias
    data = call.data.T if a["transA"] else call.data
    axis = a.get("axis", data.ndim - 1) % data.ndim
    weight = weight.reshape(len(weight), -1)
    result = _linear(data, weight, axis)
    if a["alpha"] != 1.0:
        result *= a["alpha"]
    if bias is not None:
        bias = bias * a["beta"]
        result += along(bias, axis, result.ndim) if bias.size == len(weight) else bias
    return result


def _linear(data: Array, weight: Array, axis: int) -> Array:
    lead, behind = data.shape[:axis], data.shape[axis + 1 :]
    result: Array
    if prod(behind) == 1:
        result = np.matmul(data.reshape(-1, data.shape[axis]), weight.T)
    else:
        result = np.matmul(weight, data.reshape(prod(lead), data.shape[axis], -1))
    return result.reshape(*lead, weight.shape[0], *behind)


def _matmul(call: Call) -> Array:
    """Multiply two tensors, of which one may be a weight; scale the product and add a bias."""
    a = call.attributes
    first, second, *extras = factors(call)
    result: Array
    if "equation" in a:
        result = einsum(a["equation"], first, second)
    else:
        turned = flips(call)
        first = np.swapaxes(first, -1, -2) if turned[0] else first
        second = np.swapaxes(second, -1, -2) if turned[1] else second
        result = np.matmul(first, second)
    factor = a["scale"] * a["alpha"]
    if factor != 1.0:
        result = result * factor
    if a["bias"] and extras:
        result = result + extras[0] * a["beta"]
    return result


def factors(call: Call) -> list[Array]:
    """Return the operands of a product in order: two factors, computed or weights, and the rest."""
    inputs, weights = list(call.inputs), list(call.parameters)
    if call.attributes["constant_first"] and weights:
        return [weights[0], *inputs, *weights[1:]]
    operands = [*inputs, *weights]
    return operands * 2 if len(operands) == 1 else operands  # a tensor with itself


def flips(call: Call) -> tuple[bool, bool]:
    """Return for each of the two factors whether its last two axes are swapped first."""
    a = call.attributes
    return bool(a["transA"]), bool(a["transB"])


def einsum(equation: str, first: Array, second: Array) -> Array:
    """Return the Einstein sum of two tensors, computed as one batched matrix product.

    ``numpy.einsum`` does not use BLAS where an index is in both terms and in the result.
    """
    left, _, result = equation.replace(" ", "").partition("->")
    first_term, second_term = left.split(",")
    for term in (first_term, second_term, result):
        if len(set(term)) != len(term):
            return np.asarray(np.einsum(equation, first, second))
    first, first_term = _summed(first, first_term, set(second_term) | set(result))
    second, second_term = _summed(second, second_term, set(first_term) | set(result))
    sizes = dict(zip(first_term + second_term, (*first.shape, *second.shape), strict=True))
    shared = set(first_term) & set(second_term)
    batch = [i for i in first_term if i in shared and i in result]
    inner = [i for i in first_term if i in shared and i not in result]
    rows, columns = (
        [i for i in first_term if i not in shared],
        [i for i in second_term if i not in shared],
    )

    def matrix(data: Array, term: str, *groups: Sequence[str]) -> Array:
        moved = data.transpose([term.index(i) for group in groups for i in group])
        return moved.reshape([prod(sizes[i] for i in group) for group in groups])

    product = np.matmul(
        matrix(first, first_term, batch, rows, inner),
        matrix(second, second_term, batch, inner, columns),
    )
    order = [*batch, *rows, *columns]
    unfolded: Array = product.reshape([sizes[i] for i in order])
    return unfolded.transpose([order.index(i) for i in result])


def _summed(data: Array, term: str, needed: set[str]) -> tuple[Array, str]:
    """Sum a factor over the indices that are not ``needed``; return it and its remaining term."""
    alone = tuple(i for i, letter in enumerate(term) if letter not in needed)
    if not alone:
        return data, term
    return data.sum(axis=alone), "".join(letter for letter in term if letter in needed)


HANDLERS: dict[str, Handler] = {"Gemm": _gemm, "MatMul": _matmul}
