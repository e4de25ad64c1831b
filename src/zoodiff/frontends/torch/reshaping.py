"""Converts ATen functions that move elements: shapes, axes, slices, joins, pads."""

from __future__ import annotations

from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Cut
from zoodiff.frontends.torch.call import Call, Handler, Value
from zoodiff.graph.ir import Parameter


def _flatten(call: Call) -> Value:
    rank = len(call.args[0].shape)
    start, end = (int(call.arg(i, "", d)) % rank for i, d in ((1, 0), (2, -1)))
    if start == 1 and end == rank - 1:
        return call.node(operations.flatten())
    return _reshape(call)


def _reshape(call: Call) -> Value:
    return call.node(operations.reshape(call.outputs[0]), inputs=[call.args[0]])


def _permute(call: Call) -> Value:
    rank = len(call.args[0].shape)
    return call.node(operations.transpose(int(a) % rank for a in call.args[1]))


def _transpose(call: Call) -> Value:
    rank = len(call.args[0].shape)
    order = list(range(rank))
    a, b = (int(axis) % rank for axis in call.args[1:3])
    order[a], order[b] = order[b], order[a]
    return call.node(operations.transpose(order))


def _reversed(call: Call) -> Value:
    """Convert ``x.t()`` and ``x.T``, which reverse the order of the axes."""
    return call.node(operations.transpose(range(len(call.args[0].shape))[::-1]))


def _cat(call: Call) -> Value | None:
    """Join tensors and weights; None where a weight stands there twice."""
    rank, parts = len(call.outputs[0]), call.tensors
    owned = [k for k, part in enumerate(parts) if isinstance(part, Parameter)]
    if len({parts[k].name for k in owned}) < len(owned):
        return None
    return call.node(operations.concat(int(call.arg(1, "dim", 0)) % rank, owned))


def _select(call: Call) -> Value:
    rank = len(call.args[0].shape)
    return call.node(operations.select(int(call.args[1]) % rank, call.args[2]))


def _slice(call: Call) -> Any:
    data = call.args[0]
    if isinstance(data, Value) and data.shape == call.outputs[0]:
        return data
    start, end = call.arg(2, "start"), call.arg(3, "end")
    axis = int(call.arg(1, "dim", 0)) % len(data.shape)
    extent = int(data.shape[axis])
    last = min(int(end), extent) if end is not None else extent
    cut = Cut(axis, int(start or 0), last, int(call.arg(4, "step", 1)))
    return call.node(operations.sliced([cut]))


def _chunk(call: Call) -> list[Value]:
    data = call.args[0]
    axis = int(call.arg(2, "dim", 0)) % len(data.shape)
    sizes = [shape[axis] for shape in call.outputs]
    return call.nodes(operations.split(axis, sizes), call.outputs, inputs=[data])


def _unbind(call: Call) -> list[Value] | None:
    """Every element of an axis, which goes, as ``x[0], x[1], ...`` would take them."""
    data = call.args[0]
    if not isinstance(data, Value):
        return None
    axis = int(call.arg(1, "dim", 0)) % len(data.shape)
    return [
        call.node(operations.select(axis, index), inputs=[data], shape=shape, step=str(index))
        for index, shape in enumerate(call.outputs)
    ]


def _pad(call: Call) -> Value | None:
    """Convert a padding; ATen's pads begin with the last axis: (left, right, top, bottom, ...)."""
    pads = [int(n) for n in call.args[1]]
    rank = len(call.args[0].shape)
    before, after = pads[0::2][::-1], pads[1::2][::-1]
    return call.node(
        operations.pad(
            before + after,
            range(rank - len(before), rank),
            mode=str(call.arg(2, "mode", "constant")),
            value=float(call.arg(3, "value") or 0.0),
        )
    )


def _squeeze(call: Call) -> Any:
    """Convert squeeze along one axis, several or all; an axis of another extent than 1 stays."""
    data, given = call.args[0], call.arg(1, "dim")
    shape = data.shape
    axes = range(len(shape)) if given is None else given if isinstance(given, list) else [given]
    thin = sorted({k for axis in axes if shape and shape[k := int(axis) % len(shape)] == 1})
    return call.node(operations.squeeze(thin), inputs=[data]) if thin else data


def _unsqueeze(call: Call) -> Value:
    """Convert unsqueeze; the axis is one of the output."""
    axis = int(call.args[1]) % len(call.outputs[0])
    return call.node(operations.unsqueeze([axis]), inputs=[call.args[0]])


def _expand(call: Call) -> Any:
    data = call.args[0]
    if isinstance(data, Value) and data.shape == call.outputs[0]:
        return data
    return call.node(operations.expand(call.outputs[0]))


def _roll(call: Call) -> Value | None:
    """Convert ``torch.roll``: along each axis, the last elements are moved before the first."""
    data, shifts, axes = call.args[0], call.args[1], call.arg(2, "dims", [])
    if len(shifts) != len(axes) or not isinstance(data, Value):
        return None
    for k, (shift, axis) in enumerate(zip(shifts, axes, strict=True)):
        along, shape = int(axis) % len(data.shape), data.shape
        cut = -int(shift) % shape[along]
        parts = []
        for name, start, end in (("last", cut, shape[along]), ("first", 0, cut)):
            piece = (*shape[:along], end - start, *shape[along + 1 :])
            part = operations.sliced([Cut(along, start, end)])
            parts.append(call.node(part, inputs=[data], shape=piece, step=f"{name}{k}"))
        last = k == len(axes) - 1
        data = call.node(
            operations.concat(along),
            inputs=parts,
            shape=shape,
            step="" if last else f"roll{k}",
        )
    return data


def _expand_as(call: Call) -> Any:
    data = call.args[0]
    if isinstance(data, Value) and data.shape == call.outputs[0]:
        return data
    return call.node(operations.expand(call.outputs[0]), inputs=[data])


HANDLERS: dict[str, Handler] = {
    "cat": _cat,
    "chunk": _chunk,
    "expand": _expand,
    "expand_as": _expand_as,
    "flatten": _flatten,
    "pad": _pad,
    "numpy_T": _reversed,
    "permute": _permute,
    "reshape": _reshape,
    "reshape_as": _reshape,
    "roll": _roll,
    "select": _select,
    "slice": _slice,
    "split": _chunk,
    "split_with_sizes": _chunk,
    "squeeze": _squeeze,
    "swapaxes": _transpose,
    "t": _reversed,
    "transpose": _transpose,
    "unbind": _unbind,
    "unflatten": _reshape,
    "unsqueeze": _unsqueeze,
    "_unsafe_view": _reshape,
    "view": _reshape,
    "view_as": _reshape,
}
"""The handlers of these functions."""
