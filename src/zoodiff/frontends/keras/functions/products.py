"""Converts matrix products, Einstein's sums and attention."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Result, Value, in_own_order
from zoodiff.frontends.keras.functions.function import (
    Function,
    arguments,
    array_of,
    function,
    settings_of,
)
from zoodiff.frontends.operations import Extents, Operation


def _matmul(call: Call) -> Result:
    """Convert a product by the last two axes; with a matrix of weights it is a linear layer."""
    given = arguments(call)
    first, second = given.get("x1"), given.get("x2")
    if set(given) != {"x1", "x2"} or not isinstance(first, Value) or not isinstance(second, Value):
        return None
    if min(len(first.shape), len(second.shape)) < 2:
        return None
    (rows, inner), columns = first.shape[-2:], second.shape[-1]
    if second.shape[-2] != inner:
        return None
    if second.variable is not None and len(second.shape) == 2 and first.variable is None:
        linear = operations.linear(inner, columns, bias=False)
        return call.emit(linear, inputs=[first.name], variables=[second.variable])
    batch = prod(call.shapes[0][:-2])
    product = operations.matmul(Extents(batch, rows, inner, columns))
    return call.emit(product, inputs=[first.name, second.name])


def _dot(call: Call) -> Result:
    """Convert ``dot`` with a matrix, where it is the matrix product."""
    second = arguments(call).get("x2")
    if not isinstance(second, Value) or len(second.shape) != 2:
        return None
    return _matmul(call)


def _einsum(call: Call) -> Result:
    """Convert an Einstein sum of one or two operands, each of whose indices is there once."""
    equation = str(settings_of(call.operation).get("subscripts", "")).replace(" ", "")
    if call.kwargs or any(not isinstance(operand, Value) for operand in call.args):
        return None
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    letters = [*terms, result]
    if not arrow or any(len(set(term)) != len(term) or not term.isalpha() for term in letters):
        return None
    if [len(term) for term in terms] != [len(value.shape) for value in call.args]:
        return None
    if len(terms) == 1 and sorted(left) == sorted(result):
        return call.emit(operations.transpose(terms[0].index(letter) for letter in result))
    if len(terms) != 2 or not set(result) <= set(left):
        return None
    return _einsum_of_two(call, terms, result)


def _einsum_of_two(call: Call, terms: list[str], result: str) -> Result:
    extents: dict[str, int] = {}
    for term, value in zip(terms, call.args, strict=True):
        for letter, n in zip(term, value.shape, strict=True):
            if extents.setdefault(letter, n) != n:
                return None
    first, second = terms
    if call.args[1].variable is not None and call.args[0].variable is None:
        outside = [letter for letter in result if letter not in first]
        inner = prod(extents[i] for i in second if i not in result)
        summed = [i for i in first if i not in result and i not in second]
        if result.endswith("".join(outside)) and set(second) <= set(first) | set(outside):
            if summed or set(second) & set(first) & set(result):
                return None
            linear = operations.linear(
                inner,
                prod(extents[i] for i in outside),
                bias=False,
                equation=f"{first},{second}->{result}",
            )
            weight = call.args[1].variable
            return call.emit(linear, inputs=[call.args[0].name], variables=[weight])
    product = operations.matmul(
        Extents(
            batch=prod(extents[i] for i in result if i in first and i in second),
            m=prod(extents[i] for i in result if i not in second),
            k=prod(extents[i] for i in set(first) | set(second) if i not in result),
            n=prod(extents[i] for i in result if i not in first),
        ),
        equation=f"{first},{second}->{result}",
    )
    return call.emit(product, inputs=[value.name for value in call.args])


def _attention(call: Call) -> Result:
    """Convert attention of as many heads of queries as of keys, which may be causal."""
    given, settings = arguments(call), dict(settings_of(call.operation))
    query, key, value = (given.pop(name, None) for name in ("query", "key", "value"))
    scale = array_of(given.pop("scale", 0.0))
    causal = settings.pop("is_causal", False)
    if any(settings.values()) or given or scale is None or scale.size != 1:
        return None
    if not all(isinstance(x, Value) and len(x.shape) == 4 for x in (query, key, value)):
        return None
    batch, rows, heads, width = query.shape
    if key.shape[2:] != (heads, width) or value.shape[:3] != key.shape[:3]:
        return None
    if key.shape[0] != batch:
        return None
    columns, wide = key.shape[1], value.shape[3]
    if call.shapes[0] != (batch, rows, heads, wide):
        return None  # Keras declares the shape of the query
    shape = (batch, heads, rows, columns)
    scores = call.emit(
        operations.matmul(Extents(batch * heads, rows, width, columns), equation=_SCORES),
        inputs=[query.name, key.name],
        step="scores",
        shape=shape,
    )
    factor = float(scale.reshape(())) if "scale" in arguments(call) else width**-0.5
    scaled = operations.arithmetic("Mul", value=factor)
    scores = call.emit(scaled, inputs=[scores], step="scale", shape=shape)
    if causal:
        earlier = _earlier(rows, columns)
        scores = call.emit(earlier, inputs=[scores], step="causal", shape=shape)
    chances = call.emit(operations.softmax(3), inputs=[scores], step="softmax", shape=shape)
    return call.emit(
        operations.matmul(Extents(batch * heads, rows, columns, wide), equation=_MIXED),
        inputs=[chances, value.name],
    )


def _earlier(rows: int, columns: int) -> Operation:
    """Return the mask that leaves each token the scores of itself and of earlier ones."""
    runs: list[int] = []
    for row in range(rows):
        kept = min(row + 1, columns)
        if runs and not runs[-1]:
            runs[-2:] = [runs[-2] + kept]
        else:
            runs.append(kept)
        runs.append(columns - kept)
    return operations.mask((rows, columns), runs if runs[-1] else runs[:-1])


_SCORES, _MIXED = "btnh,bsnh->bnts", "bnts,bsnh->btnh"

FUNCTIONS: Mapping[str, Function] = {
    "Dot": function(in_own_order(_dot)),
    "DotProductAttention": function(in_own_order(_attention), "flash_attention", "is_causal"),
    "Einsum": function(in_own_order(_einsum), "subscripts"),
    "Matmul": function(in_own_order(_matmul)),
}
"""The functions of this family."""
