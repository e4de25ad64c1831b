"""Writes operators that move elements, and reductions, as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.call import Call
from zoodiff.graph.interpreter.shapes import slices
from zoodiff.graph.onnx_export.emit import Emit, Handler, data_of, ints

_FAR = 2**31


def _reshape(e: Emit, call: Call) -> str:
    shape = call.attributes["shape"]
    if e.batch > 1:  # and the whole shape is given
        shape = [-1, *shape[1:]]
    return e.op("Reshape", data_of(call), ints(shape))


def _flatten(e: Emit, call: Call) -> str:
    return e.op("Flatten", data_of(call), axis=call.attributes["axis"])


def _axes(kind: str) -> Handler:
    return lambda e, call: e.op(kind, data_of(call), ints(call.attributes["axes"]))


def _transpose(e: Emit, call: Call) -> str:
    return e.op("Transpose", data_of(call), perm=list(call.attributes["perm"]))


def _expand(e: Emit, call: Call) -> str:
    return e.op("Expand", data_of(call), ints(call.attributes["shape"]))


def _concat(e: Emit, call: Call) -> str:
    parts: list[Any] = list(call.inputs)
    for place, extra in zip(call.attributes.get("parameters_at", []), call.parameters, strict=True):
        # The class token of a transformer is repeated for each image.
        parts.insert(place, np.repeat(np.asarray(extra), e.batch, axis=0))
    return e.op("Concat", *parts, axis=call.attributes["axis"])


def _slice(e: Emit, call: Call) -> str:
    rows = slices(call.attributes, e.rank(call))
    starts, ends, axes, steps = [], [], [], []
    for axis, start, end, step in rows:
        starts.append(start)
        ends.append(end if end is not None else (_FAR if step > 0 else -_FAR))
        axes.append(axis)
        steps.append(step)
    return e.op("Slice", data_of(call), ints(starts), ints(ends), ints(axes), ints(steps))


def _split(e: Emit, call: Call) -> list[str]:
    sizes = call.attributes["split"]
    return e.several(
        "Split", data_of(call), ints(sizes), outputs=len(sizes), axis=call.attributes["axis"]
    )


_MODES = {"constant": "constant", "edge": "edge", "replicate": "edge", "reflect": "reflect"}


def _pad(e: Emit, call: Call) -> str:
    a, rank = call.attributes, e.rank(call)
    mode = _MODES.get(a["mode"])
    if mode is None:
        raise MeasurementError(f"{call.node.name} pads in the mode {a['mode']}")
    axes = a.get("axes")
    axes = list(range(len(a["pads"]) // 2)) if axes is None else axes
    pads = [0] * 2 * rank
    for i, axis in enumerate(axes):
        pads[axis % rank], pads[axis % rank + rank] = a["pads"][i], a["pads"][i + len(axes)]
    if mode != "constant":
        return e.op("Pad", data_of(call), ints(pads), mode=mode)
    return e.op("Pad", data_of(call), ints(pads), np.float32(a["value"]), mode=mode)


def _gather(e: Emit, call: Call) -> str:
    a, axis = call.attributes, call.attributes["axis"]
    if "index" in a:
        return e.op("Gather", data_of(call), np.asarray(int(a["index"])), axis=axis)
    if "indices" in a:
        chosen = np.asarray(a["indices"], dtype=np.int64)
        return e.op("Gather", data_of(call), chosen.reshape(a.get("indices_shape", -1)), axis=axis)
    return e.op("Gather", data_of(call), e.op("Cast", call.inputs[1], to=7), axis=axis)


def _reduce(kind: str) -> Handler:
    def handler(e: Emit, call: Call) -> str:
        a = call.attributes
        axes = a.get("axes")
        keep = int(bool(a["keepdims"]))
        if kind == "ReduceSum":  # the only one with its axes as an input in this opset
            over = () if axes is None else (ints(axes),)
            return e.op(kind, data_of(call), *over, keepdims=keep)
        more: dict[str, Any] = {} if axes is None else {"axes": list(axes)}
        return e.op(kind, data_of(call), keepdims=keep, **more)

    return handler


_REDUCTIONS = (
    *("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"),
    "ReduceSumSquare",
)
HANDLERS: dict[str, Handler] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _axes("Squeeze"),
    "Transpose": _transpose,
    "Unsqueeze": _axes("Unsqueeze"),
    **{kind: _reduce(kind) for kind in _REDUCTIONS},
}
