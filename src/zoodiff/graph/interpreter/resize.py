"""Resampling of images: each axis is multiplied by a matrix.

Coordinates and modes are those of https://onnx.ai/onnx/operators/onnx__Resize.html; TensorFlow's
resizing operations are the same under other names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler
from zoodiff.graph.ir import Node
from zoodiff.graph.operators import settings_of

_COORDINATES: dict[str, Callable[[Any, float, int, int], Any]] = {
    "align_corners": lambda x, scale, n, m: x * (n - 1) / max(m - 1, 1),
    "asymmetric": lambda x, scale, n, m: x / scale,
    "half_pixel": lambda x, scale, n, m: (x + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda x, scale, n, m: (x + 0.5) / scale - 0.5 if m > 1 else x * 0.0,
}
"""Output position, scale, extents of input and output -> position in the input."""

_ROUNDING: dict[str, Callable[[Any], Any]] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
}


@dataclass(frozen=True, slots=True)
class _Resampling:
    mode: str
    coordinates: str
    rounding: str
    coefficient: float
    exclude_outside: bool


def _resampling_of(a: Mapping[str, Any]) -> _Resampling:
    mode = a["mode"]
    if "half_pixel_centers" in a:  # TensorFlow
        centres = bool(a["half_pixel_centers"])
        coordinates = "half_pixel" if centres else "asymmetric"
        coordinates = "align_corners" if a["align_corners"] else coordinates
        rounding = "floor" if coordinates == "asymmetric" else "round_prefer_ceil"
        return _Resampling(mode, coordinates, rounding, -0.5 if centres else -0.75, centres)
    old = "coordinate_transformation_mode" not in a  # until opset 10
    return _Resampling(
        mode,
        "asymmetric" if old else a["coordinate_transformation_mode"],
        "floor" if old else a.get("nearest_mode", "round_prefer_floor"),
        a["cubic_coeff_a"],
        bool(a["exclude_outside"]),
    )


def _supported(node: Node) -> bool:
    """Whether the interpreter knows the node's method of resampling."""
    a: Mapping[str, Any] = settings_of(node)
    method = _resampling_of(a)
    named = method.coordinates in _COORDINATES and method.mode in {"nearest", "linear", "cubic"}
    plain = not a["antialias"] and a["keep_aspect_ratio_policy"] == "stretch"
    sized = bool(a.get("sizes") or a.get("scales"))
    return named and plain and sized and "axes" not in a and len(node.inputs) == 1


def _scales(a: Mapping[str, Any], shape: tuple[int, ...]) -> list[tuple[int, float]]:
    """Return extent and scale of each axis of the output."""
    sizes = a.get("sizes")
    if sizes:
        sizes = [*shape[: len(shape) - len(sizes)], *sizes]
        return [(int(m), m / n) for m, n in zip(sizes, shape, strict=True)]
    return [(int(n * s), float(s)) for n, s in zip(shape, a["scales"], strict=True)]


def _nearest(n: int, m: int, scale: float, method: _Resampling) -> Array:
    """Return the input element that each output element is."""
    x = _COORDINATES[method.coordinates](np.arange(m, dtype=np.float64), scale, n, m)
    near: Array = _ROUNDING[method.rounding](x).astype(np.int64)
    return np.clip(near, 0, n - 1)


def _matrix(n: int, m: int, scale: float, method: _Resampling) -> Array:
    """Return the weight of each input element in each output element, as (output, input)."""
    x = _COORDINATES[method.coordinates](np.arange(m, dtype=np.float64), scale, n, m)
    first = np.floor(x)[:, None]
    reach = np.arange(2) if method.mode == "linear" else np.arange(-1, 3)
    near = first + reach
    far = np.abs(x[:, None] - near)
    weights = 1 - far if method.mode == "linear" else _cubic(far, method.coefficient)
    near = near.astype(np.int64)
    if method.exclude_outside and method.mode == "cubic":
        weights = np.where((near >= 0) & (near < n), weights, 0)
        weights = weights / weights.sum(axis=1, keepdims=True)
    result = np.zeros((m, n))
    np.add.at(result, (np.arange(m)[:, None], np.clip(near, 0, n - 1)), weights)
    return result


def _cubic(x: Array, a: float) -> Array:
    """Return the weights of a cubic interpolation by distance.

    R. Keys, "Cubic convolution interpolation for digital image processing", 1981.
    """
    inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
    outer = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))


def _resize(call: Call) -> Array:
    method, data = _resampling_of(call.attributes), call.data
    for axis, (m, scale) in enumerate(_scales(call.attributes, data.shape)):
        n = data.shape[axis]
        if method.mode == "nearest":
            data = np.take(data, _nearest(n, m, scale, method), axis=axis)
            continue
        matrix = _matrix(n, m, scale, method)
        if n != m or not np.array_equal(matrix, np.eye(n)):
            moved = np.tensordot(matrix.astype(data.dtype), data, axes=(1, axis))
            data = np.moveaxis(moved, 0, axis)
    return np.ascontiguousarray(data)


HANDLERS: dict[str, Handler] = {"Resize": _resize, "Upsample": _resize}
SUPPORTED = {"Resize": _supported, "Upsample": _supported}
