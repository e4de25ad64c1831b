"""Operators that move elements, and reductions over axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler
from zoodiff.graph.ir import Node


def _reshape(call: Call) -> Array:
    return call.data.reshape(call.attributes["shape"])


def _flatten(call: Call) -> Array:
    axis = call.attributes["axis"]
    lead = call.data.shape[:axis]
    return call.data.reshape(int(np.prod(lead)), -1)


def _squeeze(call: Call) -> Array:
    return np.squeeze(call.data, tuple(call.attributes["axes"]))


def _unsqueeze(call: Call) -> Array:
    return np.expand_dims(call.data, tuple(call.attributes["axes"]))


def _transpose(call: Call) -> Array:
    return call.data.transpose(call.attributes["perm"])


def _expand(call: Call) -> Array:
    return np.broadcast_to(call.data, tuple(call.attributes["shape"]))


def _concat(call: Call) -> Array:
    """Concatenate tensors and weights; ``parameters_at`` are the positions of the weights."""
    if not call.node.inputs:  # weights alone, of which the first is the input
        return np.concatenate([*call.inputs, *call.parameters], axis=call.attributes["axis"])
    parts = list(call.inputs)
    for place, extra in zip(call.attributes.get("parameters_at", []), call.parameters, strict=True):
        parts.insert(place, extra)
    return np.concatenate(parts, axis=call.attributes["axis"])


def _slice(call: Call) -> Array:
    """Slice the data by the bounds of ``slices``."""
    index = [slice(None)] * call.data.ndim
    for axis, start, end, step in slices(call.attributes, call.data.ndim):
        before_first = step < 0 and end < -call.data.shape[axis]
        index[axis] = slice(start, None if before_first else end, step)
    return call.data[tuple(index)]


def slices(a: Mapping[str, Any], rank: int) -> list[tuple[int, int, int, int]]:
    """Return axis, start, end and step of each sliced axis, as ONNX counts them."""
    axes, starts, ends = a["axes"], a["starts"], a["ends"]
    steps = a.get("steps") or [1] * len(axes)
    rows = zip(axes, starts, ends, steps, strict=True)
    return [(axis % rank, start, end, step) for axis, start, end, step in rows]


def _split(call: Call) -> list[Array]:
    sizes = call.attributes["split"]
    return list(np.split(call.data, np.cumsum(sizes)[:-1], axis=call.attributes["axis"]))


PadMode = Literal["constant", "edge", "reflect", "symmetric", "wrap"]
PAD_MODES: dict[str, PadMode] = {
    "circular": "wrap",
    "constant": "constant",
    "edge": "edge",
    "reflect": "reflect",
    "replicate": "edge",
    "symmetric": "symmetric",
    "wrap": "wrap",
}
"""numpy's padding modes by the names of PyTorch, TensorFlow and ONNX."""


def _pad(call: Call) -> Array:
    a, data = call.attributes, call.data
    axes = a.get("axes")
    axes = list(range(len(a["pads"]) // 2)) if axes is None else axes
    widths = [(0, 0)] * data.ndim
    for i, axis in enumerate(axes):
        widths[axis] = (a["pads"][i], a["pads"][i + len(axes)])
    if any(min(pair) < 0 for pair in widths):
        cut = [
            slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(data.shape, widths, strict=True)
        ]
        data = data[tuple(cut)]
        widths = [(max(b, 0), max(e, 0)) for b, e in widths]
    mode = PAD_MODES[a["mode"]]
    if mode == "constant":
        return np.pad(data, widths, constant_values=a["value"])
    padded: Array = np.pad(data, widths, mode=mode)
    return padded


def _gather(call: Call) -> Array:
    """Gather by one index, which removes its axis, or by a table, whose axes replace it."""
    a, axis = call.attributes, call.attributes["axis"]
    if "index" in a:
        return np.asarray(np.take(call.data, int(a["index"]), axis=axis))
    if "indices" in a:
        chosen = np.asarray(a["indices"], dtype=np.int64)
    else:
        chosen = np.asarray(call.inputs[1]).astype(np.int64)
    return np.take(call.data, chosen.reshape(a.get("indices_shape", chosen.shape)), axis=axis)


def _reduce(function: Callable[..., Array]) -> Handler:
    """Return the handler of a reduction over the node's axes, or over all axes."""

    def handler(call: Call) -> Array:
        a = call.attributes
        over = None if a.get("axes") is None else tuple(a["axes"])
        return np.asarray(function(call.data, axis=over, keepdims=bool(a["keepdims"])))

    return handler


def _length(x: Array, *, axis: tuple[int, ...] | None, keepdims: bool) -> Array:
    result: Array = np.sqrt(np.square(x).sum(axis=axis, keepdims=keepdims))
    return result


def _gathered(node: Node) -> bool:
    a = node.attributes
    return "index" in a or "indices" in a or len(node.inputs) > 1


def _concatenated(node: Node) -> bool:
    places = node.attributes.get("parameters_at") or []
    return isinstance(places, list) and len(node.parameters) == len(places)


SUPPORTED: dict[str, Callable[[Node], bool]] = {
    "Concat": _concatenated,
    "Gather": _gathered,
    "Pad": lambda node: (node.attributes.get("mode") or "constant") in PAD_MODES,
}
HANDLERS: dict[str, Handler] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "ReduceL1": _reduce(lambda x, **how: np.abs(x).sum(**how)),
    "ReduceL2": _reduce(_length),
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ReduceMin": _reduce(np.min),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceSumSquare": _reduce(lambda x, **how: np.square(x).sum(**how)),
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
