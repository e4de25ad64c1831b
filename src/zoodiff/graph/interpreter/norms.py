"""Normalisation, and softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.call import Array, Call, Handler, along


def _operands(call: Call) -> tuple[Array | None, Array | None, list[Array]]:
    """Return scale, shift and the other operands, by role, or by order and flags."""
    unnamed = [p for p, r in zip(call.parameters, call.roles, strict=True) if r in {"", "constant"}]
    unnamed = [*call.inputs[1:], *unnamed]
    terms: list[Array | None] = []
    for role, flag in (("scale", "scale"), ("shift", "center")):
        value = call.role(role)
        if value is None and call.attributes.get(flag, bool(unnamed)) and unnamed:
            value = unnamed.pop(0)
        terms.append(value)
    return terms[0], terms[1], unnamed


def scale_and_shift(call: Call) -> tuple[Array | None, Array | None]:
    """Return the learned scale and shift of a normalisation, each None if missing."""
    return _operands(call)[:2]


def batch_norm_affine(call: Call) -> tuple[Array, Array]:
    """Return the factor and the offset per channel that a batch norm amounts to."""
    a = call.attributes
    scale, shift, unnamed = _operands(call)
    mean, variance = call.role("mean"), call.role("variance")
    if mean is None or variance is None:
        mean, variance = unnamed[-2:]
    factor = 1 / np.sqrt(variance + a["epsilon"])
    if scale is not None:
        factor = factor * scale
    offset = -mean * factor
    if shift is not None:
        offset = offset + shift
    return factor, offset


def _batch_norm(call: Call) -> Array:
    a, data = call.attributes, call.data
    factor, offset = batch_norm_affine(call)
    if not a["spatial"]:  # until opset 8: statistics of each place of the image
        shape = (1, *factor.shape)
    else:
        axis = a["axis"]
        shape = tuple(-1 if i == axis % data.ndim else 1 for i in range(data.ndim))
    result: Array = data * factor.reshape(shape)
    result += offset.reshape(shape)
    return result


def _normalised(
    data: Array,
    axes: Sequence[int],
    epsilon: float,
    *,
    unbiased: bool = False,
    outside: bool = False,
) -> Array:
    """Return (x - mean) / sqrt(variance + epsilon), with moments over some axes.

    With ``unbiased``, the variance divides by n - 1; with ``outside``, epsilon is added to the
    square root.
    """
    result: Array = data - data.mean(axis=tuple(axes), keepdims=True)
    variance = np.var(data, axis=tuple(axes), keepdims=True, ddof=int(unbiased))
    result /= np.sqrt(variance) + epsilon if outside else np.sqrt(variance + epsilon)
    return result


def _root_mean_square(data: Array, axes: Sequence[int], epsilon: float) -> Array:
    """Return x / sqrt(mean of the squares + epsilon): B. Zhang, R. Sennrich, arXiv:1910.07467."""
    squares = np.square(data).mean(axis=tuple(axes), keepdims=True)
    result: Array = data / np.sqrt(squares + epsilon)
    return result


def _layer_norm(call: Call) -> Array:
    """Normalise over any axes; scale and shift have the extents of these axes, in their order."""
    a, data = call.attributes, call.data
    axes = [axis % data.ndim for axis in a["axes"]]
    scale, shift = scale_and_shift(call)
    if call.node.op == "RMSNormalization":
        result = _root_mean_square(data, axes, a["epsilon"])
    else:
        result = _normalised(
            data, axes, a["epsilon"], unbiased=a["unbiased"], outside=a["epsilon_outside"]
        )
    shape = [n if i in axes else 1 for i, n in enumerate(data.shape)]
    normal = tuple(data.shape[axis] for axis in sorted(axes))
    for value in (scale, shift):
        wide = tuple(n for n in value.shape if n != 1) if value is not None else ()
        if value is not None and wide != tuple(n for n in normal if n != 1):
            raise MeasurementError(f"its weights have the shape {value.shape}, not {normal}")
    if scale is not None:
        result *= scale.reshape(shape)
    if shift is not None:
        result += shift.reshape(shape)
    return result


def _group_norm(call: Call) -> Array:
    """Normalise over groups of channels; ``InstanceNormalization`` has one group per channel."""
    a, data = call.attributes, call.data
    groups = data.shape[1] if call.node.op == "InstanceNormalization" else a["num_groups"]
    parts = data.reshape(data.shape[0], groups, -1)
    result = _normalised(parts, [2], a["epsilon"]).reshape(data.shape)
    scale, shift = scale_and_shift(call)
    for value, apply in ((scale, np.multiply), (shift, np.add)):
        if value is not None:  # until ONNX's opset 20 there is one value per group
            per_channel = np.repeat(value, data.shape[1] // value.size)
            apply(result, along(per_channel, 1, data.ndim), out=result)
    return result


def _lrn(call: Call) -> Array:
    """Return ``x / (bias + alpha / size * sum of squares of nearby channels) ** beta``."""
    a, data = call.attributes, call.data
    size = a["size"]
    before = (size - 1) // 2
    around = ((0, 0), (before, size - 1 - before), *((0, 0) for _ in data.shape[2:]))
    squares = np.pad(np.square(data), around)
    total = squares[:, : data.shape[1]].copy()
    for i in range(1, size):
        total += squares[:, i : i + data.shape[1]]
    total *= a["alpha"] / size
    total += a["bias"]
    result: Array = data / total ** a["beta"]
    return result


def mask_of(attributes: Mapping[str, Any]) -> Array:
    """Which scores a mask leaves out."""
    runs = attributes["runs"]
    left_out = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    result: Array = left_out.reshape(attributes["mask_shape"])
    return result


def _mask(call: Call) -> Array:
    a, data = call.attributes, call.data
    value = -np.inf if a.get("value") is None else a["value"]
    return np.where(mask_of(a), data + value if a["added"] else value, data)


def _softmax(call: Call) -> Array:
    """Softmax along an axis; ``flattened`` (until opset 12) joins all axes from there on."""
    shape, axis = call.data.shape, call.attributes["axis"] % call.data.ndim
    data = call.data
    if call.attributes["flattened"]:
        data = data.reshape(*shape[:axis], -1)
    result: Array = data - data.max(axis=axis, keepdims=True)
    if call.node.op == "LogSoftmax":
        result -= np.log(np.exp(result).sum(axis=axis, keepdims=True))
    else:
        np.exp(result, out=result)
        result /= result.sum(axis=axis, keepdims=True)
    return result.reshape(shape)


HANDLERS: dict[str, Handler] = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _group_norm,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _softmax,
    "Mask": _mask,
    "RMSNormalization": _layer_norm,
    "Softmax": _softmax,
}
