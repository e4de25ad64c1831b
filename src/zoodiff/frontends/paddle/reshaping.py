"""Converts Paddle's operators that move elements or reduce axes."""

from __future__ import annotations

from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Cut
from zoodiff.frontends.paddle.call import Call, Handler, Value, Weight


def _flatten(call: Call) -> Value | None:
    data = call.data()
    if data is None:
        return None
    rank = len(data.shape)
    bounds = [call.attributes[name] % rank for name in ("start_axis", "stop_axis")]
    whole = bounds == [1, rank - 1]
    layer = operations.flatten() if whole else operations.reshape(call.outputs[0])
    return call.node(layer, [data])


def _reshape(call: Call) -> Any:
    operand = call.operands["x"]
    if call.known("shape") is None:
        return None
    if isinstance(operand, Weight):
        return Weight(operand.parameter, call.outputs[0])
    data = call.data()
    return None if data is None else call.node(operations.reshape(call.outputs[0]), [data])


def _transpose(call: Call) -> Value | None:
    data = call.data()
    if data is None:
        return None
    return call.node(
        operations.transpose(axis % len(data.shape) for axis in call.attributes["perm"]), [data]
    )


def _squeeze(call: Call) -> Value | None:
    data, axes = call.data(), call.known("axis")
    if data is None or axes is None:
        return None
    named = [axis % len(data.shape) for axis in axes.whole] or range(len(data.shape))
    gone = [axis for axis in named if data.shape[axis] == 1]  # others stay
    return call.node(operations.squeeze(gone), [data]) if gone else data


def _unsqueeze(call: Call) -> Value | Weight | None:
    operand, axes = call.operands["x"], call.known("axis")
    if isinstance(operand, Weight) and axes is not None:
        return Weight(operand.parameter, call.outputs[0])
    data = call.data()
    if data is None or axes is None or len(axes.whole) != 1:
        return None
    return call.node(operations.unsqueeze([axes.whole[0] % len(call.outputs[0])]), [data])


def _concat(call: Call) -> Value | None:
    parts, axis = call.operands["x"], call.known("axis")
    if not isinstance(parts, list) or axis is None:
        return None
    known = [p for p in parts if isinstance(p, Value) or (isinstance(p, Weight) and p.is_plain)]
    values = [place for place, part in enumerate(known) if isinstance(part, Value)]
    owned = [place for place, part in enumerate(known) if isinstance(part, Weight)]
    # Equal weights are read once by a node, so that their places would not be told apart.
    repeated = len({part.parameter.name for part in known if isinstance(part, Weight)}) < len(owned)
    if len(known) != len(parts) or not values or repeated:
        return None
    layer = operations.concat(axis.whole[0] % len(call.outputs[0]), owned)
    return call.node(layer, known)


def _split(call: Call) -> list[Value] | None:
    data, axis = call.data(), call.known("axis")
    if data is None or axis is None:
        return None
    along = axis.whole[0] % len(data.shape)
    sizes = [shape[along] for shape in call.outputs]
    if sum(sizes) != data.shape[along]:
        return None
    return call.nodes(operations.split(along, sizes), [data])


def _expand(call: Call) -> Any:
    """Convert the repetition of axes of extent 1; a weight is expanded only to its own shape."""
    operand, shape = call.operands["x"], call.outputs[0]
    if isinstance(operand, Weight):
        return operand if operand.shape == shape else None
    data = call.data()
    if data is None or data.shape == shape:
        return data
    if len(data.shape) != len(shape):
        return None
    return call.node(operations.expand(shape), [data])


def _slice(call: Call) -> Value | None:
    """Convert a slice; one that keeps a single place of an axis may remove the axis too."""
    data, starts, ends = call.data("input"), call.known("starts"), call.known("ends")
    axes, removed = list(call.attributes["axes"]), list(call.attributes["decrease_axis"])
    if data is None or starts is None or ends is None:
        return None
    if removed:
        return _selected(call, data, starts.whole) if removed == axes else None
    cuts = []
    for axis, start, end in zip(axes, starts.whole, ends.whole, strict=True):
        extent = data.shape[axis]
        first, last = (
            min(max(place + extent if place < 0 else place, 0), extent) for place in (start, end)
        )
        cuts.append(Cut(axis, first, last))
    return call.node(operations.sliced(cuts), [data])


def _selected(call: Call, data: Value, places: list[int]) -> Value | None:
    """Convert the choice of one place along one axis."""
    axes = list(call.attributes["axes"])
    if len(axes) != 1 or len(data.shape) != len(call.outputs[0]) + 1:
        return None
    extent = data.shape[axes[0]]
    place = places[0] + extent if places[0] < 0 else places[0]
    return call.node(operations.select(axes[0], place), [data]) if 0 <= place < extent else None


def _reduction(op: str) -> Handler:
    def handle(call: Call) -> Value | None:
        data, axes = call.data(), call.known("axis")
        named = axes.whole if axes is not None else call.attributes.get("axis")
        if data is None or named is None or "UNDEFINED" not in str(_dtype(call)):
            return None
        chosen = sorted(axis % len(data.shape) for axis in named) or range(len(data.shape))
        layer = operations.reduced(op, chosen, keepdims=call.attributes["keepdim"])
        return call.node(layer, [data])

    return handle


def _dtype(call: Call) -> object:
    """Return the type in which a reduction computes; undefined if it is that of the data."""
    return call.attributes.get("dtype", "UNDEFINED")


_NONE: frozenset[str] = frozenset()
HANDLERS: dict[str, tuple[Handler, frozenset[str]]] = {
    "concat": (_concat, _NONE),
    "expand": (_expand, _NONE),
    "flatten": (_flatten, frozenset({"start_axis", "stop_axis"})),
    "mean": (_reduction("ReduceMean"), frozenset({"axis", "keepdim"})),
    "reshape": (_reshape, _NONE),
    # infer_flags say which bounds are known, which they are here.
    "slice": (_slice, frozenset({"axes", "infer_flags", "decrease_axis"})),
    "split": (_split, _NONE),
    "split_with_num": (_split, frozenset({"num"})),
    "squeeze": (_squeeze, _NONE),
    "sum": (_reduction("ReduceSum"), frozenset({"axis", "keepdim", "dtype"})),
    "transpose": (_transpose, frozenset({"perm"})),
    "unsqueeze": (_unsqueeze, _NONE),
}
"""The handlers of these operators, and the attributes that they understand."""
