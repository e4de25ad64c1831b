"""Converts TFLite operators that move elements or reduce axes: shapes, slices, joins, pads."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Cut, Operation
from zoodiff.frontends.tflite.builder import Builder, Value
from zoodiff.frontends.tflite.operands import Handler, all_channels_first, computed, integers
from zoodiff.frontends.tflite.reader import FileOperator


def _identity(builder: Builder, operator: FileOperator) -> bool:
    """Bind the output of QUANTIZE or DEQUANTIZE to its input, which it equals up to rounding."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.bind(operator.outputs[0], last=value.last, first=value.first)
    return True


def _reduce(op: str, global_pool: Operation | None) -> Handler:
    """Return the handler of a reduction; over height and width of an image it is a global pool."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        value, axes = builder.value(operator.inputs[0]), integers(builder, operator.inputs[1])
        if value is None or axes is None:
            return False
        rank = len(value.shape)
        file_axes = sorted({axis % rank for axis in axes})
        keep = bool(operator.options.get("KeepDims"))
        if global_pool is None or file_axes != [1, 2] or not all_channels_first([value]):
            builder.node(operations.reduced(op, file_axes, keepdims=keep), operator, values=[value])
            return True
        if keep:
            builder.node(global_pool, operator, values=[value], image=True)
            return True
        output = builder.tensor(operator.outputs[0])
        batch, channels = value.shape[0], value.shape[3]
        pooled = builder.step(
            global_pool,
            f"{output.name}/pool",
            [builder.first(value)],
            (batch, channels, 1, 1),
            output.dtype,
        )
        flat = builder.step(
            operations.flatten(), output.name, [pooled], (batch, channels), output.dtype
        )
        builder.bind(output.index, last=flat)
        return True

    return handler


def _reshape(builder: Builder, operator: FileOperator) -> bool:
    """Convert RESHAPE, SQUEEZE and EXPAND_DIMS to a reshape to the shape of the result."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    target = builder.tensor(operator.outputs[0]).shape
    if prod(target) != prod(value.shape):
        raise ValueError(f"{value.shape} cannot be reshaped to {target}")
    if target == value.shape:
        return _identity(builder, operator)
    if len(target) == 2 and target[0] == value.shape[0]:
        builder.node(operations.flatten(), operator, values=[value])
    else:
        builder.node(operations.reshape(target), operator, values=[value])
    return True


def _transpose(builder: Builder, operator: FileOperator) -> bool:
    """Convert a transposition; one between channels last and first needs no node."""
    value, perm = builder.value(operator.inputs[0]), integers(builder, operator.inputs[1])
    if value is None or perm is None:
        return False
    if sorted(perm) != list(range(len(value.shape))):
        raise ValueError(f"no permutation: {perm}")
    if perm == [0, 2, 3, 1] and value.last is not None:
        builder.bind(operator.outputs[0], first=value.last)
    elif perm == [0, 3, 1, 2] and value.first is not None:
        builder.bind(operator.outputs[0], last=value.first)
    else:
        builder.node(operations.transpose(perm), operator, values=[value])
    return True


def _axis(axis: int, rank: int, image: bool) -> int:
    """Return the position of an axis of the file's order, channels first for an image."""
    positive = axis % rank
    return (0, 2, 3, 1)[positive] if image else positive


def _concat(builder: Builder, operator: FileOperator) -> bool:
    values = computed(builder, operator)
    fixed = [i for i in operator.inputs if builder.fixed(i)]
    image = all_channels_first(values) and not fixed
    rank = len(values[0].shape)
    axis = _axis(int(operator.options["Axis"]), rank, image)
    builder.node(
        operations.concat(axis, [operator.inputs.index(i) for i in fixed]),
        operator,
        values=values,
        parameters=[builder.parameter(i) for i in fixed],
        image=image,
    )
    return True


def _split(builder: Builder, operator: FileOperator) -> bool:
    sized = operator.name == "SPLIT_V"
    value = builder.value(operator.inputs[0 if sized else 1])
    axes = integers(builder, operator.inputs[2 if sized else 0])
    if value is None or not axes:
        return False
    image, file_axis = all_channels_first([value]), axes[0] % len(value.shape)
    sizes = [builder.tensor(i).shape[file_axis] for i in operator.outputs]
    pieces = operations.split(_axis(file_axis, len(value.shape), image), sizes)
    builder.node(pieces, operator, values=[value], image=image)
    return True


def _pad(builder: Builder, operator: FileOperator) -> bool:
    """Convert PAD, PADV2 and MIRROR_PAD; pads are in ONNX's order, over the padded axes."""
    value, amounts = builder.value(operator.inputs[0]), integers(builder, operator.inputs[1])
    if value is None or amounts is None or len(amounts) != 2 * len(value.shape):
        return False
    image = all_channels_first([value])
    filler = 0.0
    if operator.name == "PADV2":
        real = builder.tensor(operator.inputs[2]).real
        if real is None:
            return False
        filler = float(real.reshape(-1)[0])
    by_axis = {
        _axis(axis, len(value.shape), image): amounts[2 * axis : 2 * axis + 2]
        for axis in range(len(value.shape))
    }
    axes = sorted(axis for axis, pair in by_axis.items() if any(pair))
    pads = [by_axis[axis][0] for axis in axes] + [by_axis[axis][1] for axis in axes]
    mode = "constant"
    if operator.name == "MIRROR_PAD":
        mode = "symmetric" if operator.options.get("Mode") else "reflect"
    padded = operations.pad(pads, axes, mode=mode, value=filler if mode == "constant" else None)
    builder.node(padded, operator, values=[value], image=image)
    return True


def _slice(builder: Builder, operator: FileOperator) -> bool:
    value = builder.value(operator.inputs[0])
    starts, sizes = (integers(builder, i) for i in operator.inputs[1:3])
    if value is None or starts is None or sizes is None:
        return False
    ends = [
        extent if size < 0 else start + size
        for start, size, extent in zip(starts, sizes, value.shape, strict=True)
    ]
    return _cut(builder, operator, value, starts, ends, [1] * len(starts))


def _strided_slice(builder: Builder, operator: FileOperator) -> bool:
    value, options = builder.value(operator.inputs[0]), operator.options
    bounds = [integers(builder, i) for i in operator.inputs[1:4]]
    special = ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")
    if value is None or None in bounds or any(options.get(name) for name in special):
        return False
    begin, end, steps = (bound for bound in bounds if bound is not None)
    starts, ends = [], []
    for axis, step in enumerate(steps):
        bit = 1 << axis
        if step < 1:
            return False
        start = None if options.get("BeginMask", 0) & bit else begin[axis]
        stop = None if options.get("EndMask", 0) & bit else end[axis]
        first, last, _ = slice(start, stop, step).indices(value.shape[axis])
        starts.append(first)
        ends.append(last)
    return _cut(builder, operator, value, starts, ends, steps)


def _cut(
    builder: Builder,
    operator: FileOperator,
    value: Value,
    starts: Sequence[int],
    ends: Sequence[int],
    steps: Sequence[int],
) -> bool:
    image, rank = all_channels_first([value]), len(value.shape)
    rows = sorted(
        (_axis(axis, rank, image), start, end, step)
        for axis, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True))
        if (start, end, step) != (0, value.shape[axis], 1)
    )
    part = operations.sliced(Cut(*row) for row in rows)
    builder.node(part, operator, values=[value], image=image)
    return True


def _resize(mode: str) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None or len(value.shape) != 4:
            return False
        builder.node(
            operations.resized(
                mode,
                builder.tensor(operator.outputs[0]).shape[1:3],
                align_corners=bool(operator.options.get("AlignCorners")),
                half_pixel_centers=bool(operator.options.get("HalfPixelCenters")),
            ),
            operator,
            values=[value],
            image=True,
        )
        return True

    return handler


HANDLERS: dict[str, Handler] = {
    "CONCATENATION": _concat,
    "DEQUANTIZE": _identity,
    "EXPAND_DIMS": _reshape,
    "MEAN": _reduce("ReduceMean", operations.GLOBAL_AVERAGE_POOL),
    "MIRROR_PAD": _pad,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _identity,
    "REDUCE_MAX": _reduce("ReduceMax", operations.GLOBAL_MAX_POOL),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUM": _reduce("ReduceSum", None),
    "TRANSPOSE": _transpose,
}
"""The handlers of these operators."""
