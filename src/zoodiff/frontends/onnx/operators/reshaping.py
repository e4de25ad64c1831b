"""Converts ONNX operators that move elements: shapes, axes, slices, joins, pads."""

from __future__ import annotations

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import (
    Call,
    Handler,
    NodeRequest,
    Shape,
    Value,
    Weight,
)
from zoodiff.frontends.operations import Cut


def _reshape(call: Call) -> Value | None:
    if call.given(1) is not None and not _known(call.outputs[0]) and call.integers("", 1) is None:
        return None
    return call.node(operations.reshape(call.outputs[0]), inputs=[call.data])


def _flatten(call: Call) -> Value:
    axis = int(call.attributes.get("axis", 1))  # may be the rank itself, so no remainder
    return call.node(operations.flatten(axis + len(call.data.shape) if axis < 0 else axis))


def _transpose(call: Call) -> Value:
    rank = len(call.data.shape)
    return call.node(operations.transpose(call.attributes.get("perm", reversed(range(rank)))))


def _concat(call: Call) -> Value:
    constants = [i for i, value in enumerate(call.inputs) if isinstance(value, Weight)]
    return call.node(operations.concat(call.axis(1), constants))


def _known(shape: Shape) -> bool:
    return bool(shape) and min(shape) >= 0


def _axes(call: Call) -> Value | None:
    axes = call.integers("axes", 1)
    weight = call.weight(0) if call.op == "Squeeze" else None
    if axes is None and (call.given(1) is not None or weight is not None):
        return None
    rank = len(call.data.shape)
    if call.op == "Unsqueeze" and axes is not None:
        rank += len(axes)
    rank = rank or 1
    if axes is None:
        axes = [i for i, n in enumerate(call.data.shape) if n == 1]
    positive = [a % rank for a in axes]
    squeezed = call.op == "Squeeze"
    return call.node(
        operations.squeeze(positive) if squeezed else operations.unsqueeze(positive),
        inputs=[call.data],
    )


def _slice(call: Call) -> Value | None:
    """Convert a slice; bounds become those of Python's slices."""
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if starts is None or ends is None or not call.data.shape:
        return None
    axes, steps = call.integers("axes", 3), call.integers("steps", 4)
    if any(v is None and call.given(p) is not None for v, p in ((axes, 3), (steps, 4))):
        return None
    rank = len(call.data.shape)
    axes = [a % rank for a in axes] if axes is not None else list(range(len(starts)))
    steps = steps if steps is not None else [1] * len(starts)
    if 0 in steps:
        return None
    places = zip(axes, starts, ends, steps, strict=True)
    cuts = [_cut(call.data.shape[axis], Cut(axis, *bounds)) for axis, *bounds in places]
    return call.node(operations.sliced(cuts), inputs=[call.data])


def _cut(extent: int, cut: Cut) -> Cut:
    """Return the bounds within the data, where its extent is known."""
    if extent < 0:
        return cut
    start, end, _ = slice(cut.start, cut.end, cut.step).indices(extent)
    # With a negative step, the end may lie before the first element.
    return Cut(cut.axis, start, end if end >= 0 else -extent - 1, cut.step)


def _split(call: Call) -> list[Value] | None:
    axis = call.axis(0)
    if not call.data.shape or not all(call.outputs):
        return None
    sizes = [shape[axis] for shape in call.outputs]
    return call.emit(NodeRequest(operations.split(axis, sizes), [call.data], []))


def _pad(call: Call) -> Value | None:
    pads = call.integers("paddings" if "paddings" in call.attributes else "pads", 1)
    if pads is None or call.unknown("value", 2):
        return None
    rank = len(pads) // 2
    chosen = call.weight(3)
    if call.given(3) is not None and (chosen is None or chosen.array is None):
        return None
    axes = (chosen.integers() if chosen is not None else None) or list(range(rank))
    axes = [axis % (len(call.data.shape) or rank) for axis in axes]
    moved = [i for i in range(rank) if pads[i] or pads[i + rank]]
    if not moved:
        return call.data
    if all(axes[i] >= 2 for i in moved) and len(call.data.shape) == 4:
        table = {axes[i]: (pads[i], pads[i + rank]) for i in range(rank)}
        pads = [table.get(a, (0, 0))[side] for side in (0, 1) for a in (2, 3)]
        axes = [2, 3]
    return call.node(
        operations.pad(
            pads,
            axes,
            mode=str(call.attributes.get("mode", "constant")),
            value=call.number("value", 2) or 0.0,
        ),
        inputs=[call.data],
    )


def _expand(call: Call) -> Value | None:
    if not _known(call.outputs[0]) or not isinstance(call.given(0), Value):
        return None
    return call.node(operations.expand(call.outputs[0]), inputs=[call.data])


def _gather(call: Call) -> Value | None:
    index = call.weight(1)
    if not isinstance(call.given(0), Value) or index is None or index.array is None:
        return None
    chosen = [int(n) for n in index.array.reshape(-1)]
    if index.array.ndim == 0:
        return call.node(operations.select(call.axis(0), chosen[0]), inputs=[call.data])
    table = index.array.shape if index.array.ndim > 1 else None
    return call.node(operations.gather(call.axis(0), chosen, table), inputs=[call.data])


HANDLERS: dict[str, Handler] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _axes,
    "Transpose": _transpose,
    "Unsqueeze": _axes,
}
"""The handlers of these operators."""
