"""Operators that slide a window: convolution and pooling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    pass

Array = "NDArray[np.floating[Any]]"
_BUFFER = 1 << 27
"""Bytes that a lowered input may take at once."""


def padded(data: Any, pads: Sequence[int], value: float) -> Any:
    """Pad height and width; pads in ONNX's order."""
    if not any(pads):
        return data
    top, left, bottom, right = pads
    return np.pad(data, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)


def windows(data: Any, a: Mapping[str, Any]) -> Any:
    """View of all windows: (batch, channels, rows, columns, kernel rows, kernel columns)."""
    kernel, strides = a["kernel_shape"], a["strides"]
    dilations = a.get("dilations") or [1, 1]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(data, reach, axis=(2, 3))
    return view[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def conv(data: Any, weight: Any, a: Mapping[str, Any]) -> Any:
    """Cross-correlation of (1, channels, height, width) with (out, in / group, rows, columns)."""
    data = padded(data, a["pads"], 0.0)
    group, out = a["group"], weight.shape[0]
    if group == data.shape[1] and group > 1:
        return _depthwise(data, weight, a)
    view = windows(data, a)
    _, channels, rows, columns, *kernel = view.shape
    matrix = weight.reshape(group, out // group, -1)
    result = np.empty((data.shape[0], out, rows, columns), dtype=data.dtype)
    step = max(1, _BUFFER // (channels * columns * math.prod(kernel) * data.itemsize))
    for image in range(data.shape[0]):
        for row in range(0, rows, step):
            part = view[image, :, row : row + step]
            height = part.shape[1]
            lowered = part.transpose(0, 3, 4, 1, 2).reshape(group, -1, height * columns)
            result[image, :, row : row + step] = np.matmul(matrix, lowered).reshape(
                out, height, columns
            )
    return result


def _depthwise(data: Any, weight: Any, a: Mapping[str, Any]) -> Any:
    view = windows(data, a)
    batch, channels, rows, columns, height, width = view.shape
    times = weight.shape[0] // channels
    kernels = weight.reshape(channels, times, height, width)
    result = np.zeros((batch, channels, times, rows, columns), dtype=data.dtype)
    for y in range(height):
        for x in range(width):
            result += view[:, :, None, :, :, y, x] * kernels[None, :, :, y, x, None, None]
    return result.reshape(batch, channels * times, rows, columns)


def max_pool(data: Any, a: Mapping[str, Any]) -> Any:
    """Maximum over each window; padding is minus infinity."""
    return windows(padded(data, a["pads"], -np.inf), a).max(axis=(4, 5))


def average_pool(data: Any, a: Mapping[str, Any]) -> Any:
    """Mean over each window, with or without padding among its elements.

    What hangs over in ceil mode is never counted.
    """
    kernel, strides, pads = a["kernel_shape"], a["strides"], list(a["pads"])
    real = np.ones((1, 1, *data.shape[2:]), dtype=data.dtype)
    counted = padded(real, pads, 1.0 if a.get("count_include_pad") else 0.0)
    data = padded(data, pads, 0.0)
    if a.get("ceil_mode"):
        extra = []
        for i in range(2):
            room = data.shape[2 + i] - kernel[i]
            extra.append(-(-room // strides[i]) * strides[i] - room)
        data, counted = (padded(x, [0, 0, *extra], 0.0) for x in (data, counted))
    return windows(data, a).sum(axis=(4, 5)) / windows(counted, a).sum(axis=(4, 5))
