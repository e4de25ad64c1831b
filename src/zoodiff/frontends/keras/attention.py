"""Keras's multi-head attention, as the projections and products that it computes.

    A. Vaswani et al., Attention is all you need, NIPS 2017, arXiv:1706.03762.

Each head n takes softmax(Q K' / sqrt(h)) V of projections of width h; the heads together are
projected to the output. Keras stores a projection to heads as (in, heads, width) and the one
behind them as (heads, width, out).
"""

from __future__ import annotations

from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Value
from zoodiff.frontends.keras.protocols import Layer
from zoodiff.frontends.operations import Extents

_INTO_HEADS, _OUT_OF_HEADS = "abc,cde->abde", "abcd,cde->abe"


def multi_head_attention(call: Call) -> str | None:
    """Attention over one axis of tokens, without masks; None for any other."""
    layer = call.operation
    operands = _operands(call)
    axes = tuple(getattr(layer, "_attention_axes", ()) or ())
    plain = axes == (1,) and not (
        getattr(layer, "_use_gate", False)
        or getattr(layer, "_sliding_window", None) is not None
        or is_masked(layer)
    )
    if operands is None or not plain or type(layer).__name__ != "MultiHeadAttention":
        return None
    query, value, key = operands
    projected = [
        _into_heads(call, part, data, step)
        for part, data, step in (
            (layer._query_dense, query, "query"),
            (layer._key_dense, key, "key"),
            (layer._value_dense, value, "value"),
        )
    ]
    heads, width = (int(n) for n in layer._query_dense.kernel.shape[1:])
    wide = int(layer._value_dense.kernel.shape[2])
    rows, columns = query.shape[1], key.shape[1]
    shape = (query.shape[0], heads, rows, columns)
    scores = call.emit(
        operations.matmul(
            Extents(prod(shape[:2]), rows, width, columns), equation="btnh,bsnh->bnts"
        ),
        inputs=projected[:2],
        step="scores",
        shape=shape,
    )
    scaled = operations.arithmetic("Mul", value=float(layer._inverse_sqrt_key_dim))
    scores = call.emit(scaled, inputs=[scores], step="scale", shape=shape)
    chances = call.emit(operations.softmax(3), inputs=[scores], step="softmax", shape=shape)
    mixed = call.emit(
        operations.matmul(
            Extents(prod(shape[:2]), rows, columns, wide), equation="bnts,bsnh->btnh"
        ),
        inputs=[chances, projected[2]],
        step="mixed",
        shape=(query.shape[0], rows, heads, wide),
    )
    last = layer._output_dense
    return call.emit(
        operations.linear(
            heads * wide,
            int(last.kernel.shape[2]),
            bias=last.bias is not None,
            equation=_OUT_OF_HEADS,
        ),
        inputs=[mixed],
        step="output",
        variables=[last.kernel, last.bias],
    )


def _operands(call: Call) -> tuple[Value, Value, Value] | None:
    """Query, value and key; None where the call says more than these."""
    names = ("query", "value", "key")
    if len(call.args) > len(names):
        return None
    given = dict(zip(names, call.args, strict=False)) | {
        name: value
        for name, value in call.kwargs.items()
        if value is not None and value is not False
    }
    given = {name: value for name, value in given.items() if value is not None}
    given.pop("training", None)
    if not set(given) <= set(names) or not {"query", "value"} <= set(given):
        return None
    query, value, key = given["query"], given["value"], given.get("key", given["value"])
    if not all(isinstance(x, Value) and len(x.shape) == 3 for x in (query, value, key)):
        return None
    return query, value, key


def is_masked(layer: Layer) -> bool:
    """Whether a layer is called with tensors that carry a mask, which it then obeys."""
    return any(
        getattr(tensor, "_keras_mask", None) is not None
        for node in layer._inbound_nodes
        for tensor in node.arguments.keras_tensors
    )


def _into_heads(call: Call, part: Layer, data: Value, step: str) -> str:
    kernel = part.kernel
    inside, heads, width = (int(n) for n in kernel.shape)
    return call.emit(
        operations.linear(inside, heads * width, bias=part.bias is not None, equation=_INTO_HEADS),
        inputs=[data.name],
        step=step,
        shape=(*data.shape[:2], heads, width),
        variables=[kernel, part.bias],
    )
