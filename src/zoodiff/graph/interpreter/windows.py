"""Operators that slide a window: convolutions and pooling, over any number of spatial axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from zoodiff.graph.interpreter.call import Array, Call, Handler, along

_BUFFER = 1 << 27
"""The largest size of a lowered input, in bytes."""
_BLOCK = 1 << 19
"""The size in bytes of a block of channels, which fits into the processor's cache."""


@dataclass(frozen=True, slots=True)
class Window:
    """The geometry of a window: one value per axis, height before width."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, a: Mapping[str, Any], kernel: Sequence[int] | None = None) -> Window:
        """Return the window of a node's attributes; pads are in ONNX's order, beginnings first."""
        size = tuple(a["kernel_shape"] if kernel is None else kernel)
        ones = [1] * len(size)
        pads = a.get("pads") or [0] * 2 * len(size)
        return cls(
            size,
            tuple(a.get("strides") or ones),
            tuple(a.get("dilations") or ones),
            tuple(pads[: len(size)]),
            tuple(pads[len(size) :]),
        )

    @property
    def reach(self) -> tuple[int, ...]:
        """The extent that one window spans along each axis, in elements."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def padded(self, data: Array, value: float) -> Array:
        """Return the data padded with ``value``; negative pads crop."""
        pads = list(zip(self.before, self.after, strict=True))
        if not any(map(any, pads)):
            return data
        if min(map(min, pads)) < 0:
            cut = [slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in _zip(data.shape[2:], pads)]
            data = data[_places(cut)]
        shape = [n + max(b, 0) + max(a, 0) for n, (b, a) in _zip(data.shape[2:], pads)]
        result = np.full((*data.shape[:2], *shape), value, dtype=data.dtype)
        inner = [slice(max(b, 0), max(b, 0) + n) for n, (b, _) in _zip(data.shape[2:], pads)]
        result[_places(inner)] = data
        return result

    def sizes(self, padded: Sequence[int]) -> tuple[int, ...]:
        """Return the number of window positions along each axis of padded data."""
        places = zip(padded, self.reach, self.strides, strict=True)
        return tuple((n - reach) // stride + 1 for n, reach, stride in places)

    def positions(self, sizes: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Yield each kernel element with the index of its input elements in all windows."""
        for element in product(*map(range, self.kernel)):
            starts = [e * d for e, d in zip(element, self.dilations, strict=True)]
            steps = zip(starts, sizes, self.strides, strict=True)
            yield element, _places(slice(b, b + (n - 1) * s + 1, s) for b, n, s in steps)


def _places(slices: Iterable[slice]) -> Any:
    """Return an index that slices the spatial axes."""
    return (..., *slices)


def _zip(first: Sequence[Any], second: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(first, second, strict=True)


def conv(data: Array, weight: Array, a: Mapping[str, Any]) -> Array:
    """Return the cross-correlation of (batch, channels, ...) and (out, channels / group, ...)."""
    group = int(a.get("group") or 1)
    window = Window.of(a, weight.shape[2:])
    data = window.padded(data, 0.0)
    sizes = window.sizes(data.shape[2:])
    if math.prod(window.kernel) == 1:
        data = data[_places(slice(0, (n - 1) * s + 1, s) for n, s in _zip(sizes, window.strides))]
        if group == 1:
            flat = data.reshape(*data.shape[:2], -1)
            outputs: Array = np.matmul(weight.reshape(weight.shape[:2]), flat)
            return outputs.reshape(len(data), -1, *sizes)
        window = Window.of({"kernel_shape": window.kernel})
    if group > 1 and weight.shape[1] == 1 and group == data.shape[1]:
        return _depthwise(data, weight, window, sizes)
    return _lowered(data, weight, group, window, sizes)


def _lowered(
    data: Array, weight: Array, group: int, window: Window, sizes: tuple[int, ...]
) -> Array:
    """Convolve with windows as columns of a matrix, some rows of the output at a time."""
    batch, channels, out = data.shape[0], data.shape[1], weight.shape[0]
    rows, inner, elements = sizes[0], sizes[1:], math.prod(window.kernel)
    matrix = weight.reshape(group, out // group, -1)
    result = np.empty((batch, out, *sizes), dtype=data.dtype)
    step = max(1, _BUFFER // max(1, channels * elements * math.prod(inner) * data.itemsize))
    step = min(step, rows)
    buffer = np.empty((channels, elements, step, *inner), dtype=data.dtype)
    for image, row in product(range(batch), range(0, rows, step)):
        height = min(step, rows - row)
        columns = buffer[:, :, :height]
        part = data[image, :, row * window.strides[0] :]
        for at, (_, index) in enumerate(window.positions((height, *inner))):
            columns[:, at] = part[index]
        outputs = np.matmul(matrix, columns.reshape(group, channels // group * elements, -1))
        result[image, :, row : row + height] = outputs.reshape(out, height, *inner)
    return result


def _depthwise(data: Array, weight: Array, window: Window, sizes: tuple[int, ...]) -> Array:
    """Convolve each channel with its own kernels, in blocks of channels that fit into the cache."""
    batch, channels = data.shape[:2]
    times = weight.shape[0] // channels
    kernels = weight.reshape(channels, times, *window.kernel)
    result = np.zeros((batch, channels, times, *sizes), dtype=data.dtype)
    wide = (1,) * len(sizes)
    block = max(1, _BLOCK // (times * math.prod(sizes) * data.itemsize))
    positions = list(window.positions(sizes))
    for image, first in product(range(batch), range(0, channels, block)):
        part = data[image, first : first + block, None]
        total = result[image, first : first + block]
        term = np.empty_like(total)
        for element, index in positions:
            kernel_index: tuple[Any, ...] = (slice(first, first + block), slice(None), *element)
            factor = kernels[kernel_index]
            np.multiply(part[index], factor.reshape(*factor.shape, *wide), out=term)
            total += term
    return result.reshape(batch, channels * times, *sizes)


def conv_transpose(data: Array, weight: Array, a: Mapping[str, Any]) -> Array:
    """Return the transposed convolution of (batch, in, ...) and (in, out / group, ...).

    Each element of the input adds its kernel to the output; then the pads are cut off.
    """
    group = int(a.get("group") or 1)
    window = Window.of(a, weight.shape[2:])
    batch, channels, *size = data.shape
    extra = a.get("output_padding") or [0] * len(size)
    matrix = weight.reshape(group, channels // group, -1).swapaxes(1, 2)
    columns = np.matmul(matrix, data.reshape(batch, group, channels // group, -1))
    columns = columns.reshape(batch, weight.shape[1] * group, *window.kernel, *size)
    strides, reach = window.strides, window.reach
    full = [(n - 1) * s + r for n, s, r in zip(size, strides, reach, strict=True)]
    ends = [n - cut + add for n, cut, add in zip(full, window.after, extra, strict=True)]
    # Elements that the output padding adds may lie beyond the reach of every kernel.
    room = [max(n, end) for n, end in _zip(full, ends)]
    result = np.zeros((*columns.shape[:2], *room), dtype=data.dtype)
    for element, index in window.positions(size):
        result[index] += columns[:, :, *element]
    cut: Array = result[_places(slice(b, e) for b, e in _zip(window.before, ends))]
    return cut


def _biased(function: Callable[[Array, Array, Mapping[str, Any]], Array]) -> Handler:
    def handler(call: Call) -> Array:
        weight, bias = call.weight_and_bias()
        result: Array = function(call.data, weight, call.attributes)
        if bias is not None:
            result += along(bias, 1, result.ndim)
        return result

    return handler


def _overhang(window: Window, size: Sequence[int]) -> tuple[int, ...]:
    """Return how many elements beyond the padding the last window of ceil mode reaches, per axis.

    A window that would begin after the data and the padding before it is left out.
    """
    overhang = []
    for axis, n in enumerate(size):
        stride, reach = window.strides[axis], window.reach[axis]
        padded = n + window.before[axis] + window.after[axis]
        count = -(-(padded - reach) // stride)
        if count * stride >= n + window.before[axis]:
            count -= 1
        overhang.append(max(0, count * stride + reach - padded))
    return tuple(overhang)


def _pool_window(call: Call) -> tuple[Window, tuple[int, ...]]:
    a, size = call.attributes, call.data.shape[2:]
    window = Window.of(a)
    extra = _overhang(window, size) if a["ceil_mode"] else (0,) * len(size)
    return window, extra


def _longer(window: Window, extra: Sequence[int]) -> Window:
    after = tuple(a + e for a, e in _zip(window.after, extra))
    return Window(window.kernel, window.strides, window.dilations, window.before, after)


def _max_pool(call: Call) -> Array:
    """Return the maximum over each window; padding is minus infinity."""
    window = _longer(*_pool_window(call))
    data = window.padded(call.data, -np.inf)
    positions = [index for _, index in window.positions(window.sizes(data.shape[2:]))]
    result: Array = data[positions[0]].copy()
    for index in positions[1:]:
        np.maximum(result, data[index], out=result)
    return result


def _average_pool(call: Call) -> Array:
    """Return the mean over each window, with or without padding among its elements.

    Elements beyond the padding, in ceil mode, are never counted.
    """
    window, extra = _pool_window(call)
    longer = _longer(window, extra)
    data = longer.padded(call.data, 0.0)
    sizes = longer.sizes(data.shape[2:])
    result = np.zeros((*data.shape[:2], *sizes), dtype=data.dtype)
    for _, index in longer.positions(sizes):
        result += data[index]
    for axis, places in enumerate(sizes):
        n, before = call.data.shape[2 + axis], window.before[axis]
        counted = np.zeros(data.shape[2 + axis], dtype=data.dtype)
        if call.attributes["count_include_pad"]:
            counted[: n + before + window.after[axis]] = 1
        else:
            counted[max(before, 0) : n + before] = 1
        starts = np.arange(places)[:, None] * window.strides[axis]
        offsets = np.arange(window.kernel[axis]) * window.dilations[axis]
        result /= along(counted[starts + offsets].sum(axis=1), 2 + axis, data.ndim)
    return result


def _whole(function: Callable[..., Array]) -> Handler:
    """Return the handler of a global pooling; the spatial axes stay with extent 1."""
    return lambda call: function(call.data, axis=tuple(range(2, call.data.ndim)), keepdims=True)


HANDLERS: dict[str, Handler] = {
    "AveragePool": _average_pool,
    "Conv": _biased(conv),
    "ConvTranspose": _biased(conv_transpose),
    "GlobalAveragePool": _whole(np.mean),
    "GlobalMaxPool": _whole(np.max),
    "MaxPool": _max_pool,
}
