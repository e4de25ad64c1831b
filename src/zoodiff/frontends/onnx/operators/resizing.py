"""Converts ONNX's operators that resample images."""

from __future__ import annotations

from math import floor
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Attributes, Call, Value, Weight
from zoodiff.frontends.onnx.opaque.kept import defaults
from zoodiff.frontends.operations import Operation

_WHOLE = 1e-4
"""How far an extent times a scale, which is single precision, may be from a whole number."""


def resize(call: Call) -> Value | None:
    """Convert Resize or Upsample; the opset decides which settings are attributes or inputs."""
    names = ["roi", "scales", "sizes"] if call.op == "Resize" and call.opset >= 11 else ["scales"]
    settings: Attributes = {**defaults(call), **call.attributes}
    for position, name in enumerate(names, start=1):
        operand = call.given(position)
        if operand is None or operand.shape == (0,):
            continue
        if not isinstance(operand, Weight) or operand.array is None:
            return None
        settings[name] = operand.array.reshape(-1).tolist()
    if _cut_off(call, settings):
        return None  # ONNX's corners are those of the uncut size, ONNX Runtime's of the cut one
    for flag in {"antialias", "exclude_outside"} & set(settings):
        settings[flag] = bool(settings[flag])
    resized = Operation(call.op, settings)
    return call.node(resized, inputs=[call.data]) if operations.conforms(resized) else None


def _cut_off(call: Call, settings: Attributes) -> bool:
    """Whether corners are aligned in an image whose size is cut to a whole number."""
    scales: Any = settings.get("scales") or ()
    if settings.get("coordinate_transformation_mode") != "align_corners" or settings.get("sizes"):
        return False
    extents = zip(call.data.shape, scales, strict=False)
    return any(n * float(s) - floor(n * float(s)) > _WHOLE for n, s in extents)
