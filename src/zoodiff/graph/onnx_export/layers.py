"""Writes convolutions, pooling, linear layers, products and normalisation as ONNX nodes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.call import Array, Call
from zoodiff.graph.interpreter.norms import batch_norm_affine, mask_of, scale_and_shift
from zoodiff.graph.interpreter.products import factors, flips
from zoodiff.graph.interpreter.windows import Window
from zoodiff.graph.onnx_export.emit import Emit, Handler, Operand, computed, data_of, ints, wide

F = np.float32
_LOWEST = float("-inf")


def _padded(e: Emit, call: Call, window: Window, value: float) -> tuple[str, list[int]]:
    """Return data and pads for an operator; a Pad before it takes negative or too wide pads."""
    pads = [*window.before, *window.after]
    narrow = all(p < k for p, k in zip(pads, window.kernel * 2, strict=True))
    if min(pads) >= 0 and (narrow or call.node.op == "Conv"):
        return data_of(call), pads
    space = len(window.kernel)
    all_pads = [0, 0, *pads[:space], 0, 0, *pads[space:]]
    return e.op("Pad", data_of(call), ints(all_pads), F(value)), [0] * len(pads)


def _conv(e: Emit, call: Call) -> str:
    weight, bias = call.weight_and_bias()
    if isinstance(weight, str):
        raise MeasurementError(f"{call.node.name} has computed weights")
    window = Window.of(call.attributes, weight.shape[2:])
    data, pads = _padded(e, call, window, 0.0)
    operands: list[Operand] = [data, weight] if bias is None else [data, weight, bias]
    return e.op(
        "Conv",
        *operands,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=pads,
        group=int(call.attributes.get("group") or 1),
    )


def _conv_transpose(e: Emit, call: Call) -> str:
    a = call.attributes
    weight, bias = call.weight_and_bias()
    window = Window.of(a, np.asarray(weight).shape[2:])
    if min((*window.before, *window.after)) < 0:
        raise MeasurementError(f"{call.node.name} has negative pads")
    return e.op(
        "ConvTranspose",
        *([data_of(call), weight] if bias is None else [data_of(call), weight, bias]),
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[*window.before, *window.after],
        output_padding=list(a.get("output_padding") or [0] * len(window.kernel)),
        group=int(a.get("group") or 1),
    )


def _max_pool(e: Emit, call: Call) -> str:
    window = Window.of(call.attributes)
    data, pads = _padded(e, call, window, _LOWEST)
    return e.op(
        "MaxPool",
        data,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=pads,
        ceil_mode=int(bool(call.attributes["ceil_mode"])),
    )


def _average_pool(e: Emit, call: Call) -> str:
    a, window = call.attributes, Window.of(call.attributes)
    counted = bool(a["count_include_pad"])
    if any(d != 1 for d in window.dilations):
        raise MeasurementError(f"{call.node.name} is a dilated average pooling")
    if counted:
        data, pads = _padded(e, call, window, 0.0)
    else:
        data, pads = data_of(call), [*window.before, *window.after]
        if min(pads) < 0:
            raise MeasurementError(f"{call.node.name} has negative pads")
    return e.op(
        "AveragePool",
        data,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        pads=pads,
        ceil_mode=int(bool(a["ceil_mode"])),
        count_include_pad=int(counted),
    )


def _whole(kind: str) -> Handler:
    return lambda e, call: e.op(kind, data_of(call))


def _gemm(e: Emit, call: Call) -> str:
    a = call.attributes
    weight, bias = call.weight_and_bias()
    data = data_of(call)
    if "equation" in a:
        result = e.op("Einsum", data, weight, equation=a["equation"].replace(" ", ""))
        return result if bias is None else e.op("Add", result, bias)
    if isinstance(weight, str):
        raise MeasurementError(f"{call.node.name} has computed weights")
    rank = e.rank(call)
    if a["transA"]:
        data = e.op("Transpose", data, perm=list(reversed(range(rank))))
    axis = a.get("axis", rank - 1) % rank
    matrix = np.asarray(weight).reshape(len(weight), -1) * a["alpha"]
    if axis == rank - 1:
        result = e.op("MatMul", data, matrix.T)
    elif axis == 1 and 3 <= rank <= 5:
        beyond = [1] * (rank - 2)
        kernel = matrix.reshape(*matrix.shape, *beyond)
        result = e.op("Conv", data, kernel, kernel_shape=beyond)
    else:
        letters = "abcdefgh"[:rank]
        result_letters = letters.replace(letters[axis], "y")
        result = e.op(
            "Einsum", data, matrix, equation=f"{letters},y{letters[axis]}->{result_letters}"
        )
    if bias is None:
        return result
    bias = np.asarray(bias) * a["beta"]
    return e.op("Add", result, wide(bias, axis, rank) if bias.size == len(weight) else bias)


def _matmul(e: Emit, call: Call) -> str:
    a = call.attributes
    first, second, *extras = factors(call)
    if "equation" in a:
        result = e.op("Einsum", first, second, equation=a["equation"].replace(" ", ""))
    else:
        turned = flips(call)
        sides = []
        for number, (operand, flip) in enumerate(zip((first, second), turned, strict=True)):
            sides.append(_turned(e, call, operand, number) if flip else operand)
        result = e.op("MatMul", *sides)
    scale = a["scale"] * a["alpha"]
    if scale != 1.0:
        result = e.op("Mul", result, F(scale))
    if a["bias"] and extras:
        result = e.op("Add", result, np.asarray(extras[0]) * a["beta"])
    return result


def _turned(e: Emit, call: Call, operand: Operand, number: int) -> Operand:
    """Return an operand with its last two axes swapped."""
    if not isinstance(operand, str):
        return np.swapaxes(operand, -1, -2)
    rank = e.rank(call, min(number, len(call.node.inputs) - 1))
    return e.op("Transpose", operand, perm=[*range(rank - 2), rank - 1, rank - 2])


def _batch_norm(e: Emit, call: Call) -> str:
    a, rank = call.attributes, e.rank(call)
    factor, offset = batch_norm_affine(call)
    if not a["spatial"]:
        factor, offset = factor[None], offset[None]
    else:
        axis = a["axis"] % rank
        factor, offset = wide(factor, axis, rank), wide(offset, axis, rank)
    return e.op("Add", e.op("Mul", data_of(call), factor), offset)


def _normalised(e: Emit, data: str, axes: Sequence[int], epsilon: float) -> str:
    centred = e.op("Sub", data, e.op("ReduceMean", data, axes=list(axes), keepdims=1))
    return _over_root(e, centred, axes, epsilon)


def _over_root(e: Emit, data: str, axes: Sequence[int], epsilon: float) -> str:
    """Write the data divided by the root of the mean of its squares."""
    squares = e.op("ReduceMean", e.op("Mul", data, data), axes=list(axes), keepdims=1)
    return e.op("Div", data, e.op("Sqrt", e.op("Add", squares, F(epsilon))))


def _written_out(e: Emit, call: Call, axes: Sequence[int]) -> str:
    """Write a norm that has no operator in the exported opset."""
    a, data = call.attributes, data_of(call)
    if call.node.op == "RMSNormalization":
        return _over_root(e, data, axes, a["epsilon"])
    centred = e.op("Sub", data, e.op("ReduceMean", data, axes=list(axes), keepdims=1))
    variance = e.op("ReduceMean", e.op("Mul", centred, centred), axes=list(axes), keepdims=1)
    if a["unbiased"]:
        count = prod(e.shape(call)[axis] for axis in axes)
        variance = e.op("Mul", variance, F(count / (count - 1)))
    if a["epsilon_outside"]:
        return e.op("Div", centred, e.op("Add", e.op("Sqrt", variance), F(a["epsilon"])))
    return e.op("Div", centred, e.op("Sqrt", e.op("Add", variance, F(a["epsilon"]))))


def _scaled(e: Emit, data: str, values: Sequence[Array | None]) -> str:
    for kind, value in zip(("Mul", "Add"), values, strict=True):
        data = data if value is None else e.op(kind, data, value)
    return data


def _layer_norm(e: Emit, call: Call) -> str:
    a, shape = call.attributes, e.shape(call)
    axes = sorted(axis % len(shape) for axis in a["axes"])
    usual = call.node.op == "LayerNormalization" and not (a["unbiased"] or a["epsilon_outside"])
    if usual and (len(axes) == 1 or axes == list(range(axes[0], len(shape)))):
        return _fused_layer_norm(e, call, axes)
    result = _written_out(e, call, axes)
    extents = [n if i in axes else 1 for i, n in enumerate(shape)]
    values = [None if v is None else np.asarray(v).reshape(extents) for v in scale_and_shift(call)]
    return _scaled(e, result, values)


def _fused_layer_norm(e: Emit, call: Call, axes: Sequence[int]) -> str:
    """Write ONNX's LayerNormalization, which runtimes have a kernel for, over the last axes."""
    shape, data = e.shape(call), data_of(call)
    scale, shift = (None if v is None else np.asarray(v) for v in scale_and_shift(call))
    extents = [shape[axis] for axis in axes]
    last = axes[-1] == len(shape) - 1
    order = [axis for axis in range(len(shape)) if axis not in axes] + list(axes)
    if not last:
        data = e.op("Transpose", data, perm=order)
    operands = [np.ones(extents) if scale is None else scale.reshape(extents)]
    if shift is not None:
        operands.append(shift.reshape(extents))
    result = e.op(
        "LayerNormalization",
        data,
        *operands,
        axis=-len(axes),
        epsilon=float(call.attributes["epsilon"]),
    )
    return result if last else e.op("Transpose", result, perm=np.argsort(order).tolist())


def _group_norm(e: Emit, call: Call) -> str:
    a, shape = call.attributes, e.shape(call)
    groups = shape[1] if call.node.op == "InstanceNormalization" else a["num_groups"]
    parts = e.op("Reshape", data_of(call), ints([0, groups, -1]))
    back = e.op("Reshape", _normalised(e, parts, [2], a["epsilon"]), ints([0, *shape[1:]]))
    values = [
        None if v is None else wide(np.repeat(v, shape[1] // np.size(v)), 1, len(shape))
        for v in scale_and_shift(call)
    ]
    return _scaled(e, back, values)


def _lrn(e: Emit, call: Call) -> str:
    a = call.attributes
    if a["size"] % 2 == 0:  # runtimes take odd sizes only
        return _even_lrn(e, call)
    return e.op(
        "LRN",
        data_of(call),
        size=a["size"],
        alpha=float(a["alpha"]),
        beta=float(a["beta"]),
        bias=float(a["bias"]),
    )


def _even_lrn(e: Emit, call: Call) -> str:
    a, size, shape = call.attributes, call.attributes["size"], e.shape(call)
    before, beyond = (size - 1) // 2, [0] * (len(shape) - 2)
    squares = e.op("Mul", data_of(call), data_of(call))
    pads = [0, before, *beyond, 0, size - 1 - before, *beyond]
    padded = e.op("Pad", squares, ints(pads), F(0))
    parts = [e.op("Slice", padded, ints([k]), ints([k + shape[1]]), ints([1])) for k in range(size)]
    total = e.op("Mul", e.op("Sum", *parts), F(a["alpha"] / size))
    return e.op("Div", data_of(call), e.op("Pow", e.op("Add", total, F(a["bias"])), F(a["beta"])))


def _mask(e: Emit, call: Call) -> str:
    a, mask = call.attributes, mask_of(call.attributes)
    value = -np.inf if a.get("value") is None else a["value"]
    data = data_of(call)
    kept = (
        data
        if a["added"] or a.get("value") is None
        else e.op("Mul", data, np.where(mask, 0.0, 1.0))
    )
    return e.op("Add", kept, np.where(mask, value, 0.0))


def _softmax(e: Emit, call: Call) -> str:
    rank = e.rank(call)
    axis = call.attributes["axis"] % rank
    if call.attributes["flattened"] and axis != rank - 1:
        shape = e.op("Shape", computed(data_of(call)))
        flat = e.op("Flatten", data_of(call), axis=axis)
        return e.op("Reshape", e.op(call.node.op, flat, axis=1), shape)
    return e.op(call.node.op, data_of(call), axis=axis)


HANDLERS: dict[str, Handler] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "GlobalAveragePool": _whole("GlobalAveragePool"),
    "GlobalMaxPool": _whole("GlobalMaxPool"),
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _group_norm,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _softmax,
    "Mask": _mask,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "RMSNormalization": _layer_norm,
    "Softmax": _softmax,
}
