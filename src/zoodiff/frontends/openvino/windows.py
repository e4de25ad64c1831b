"""Writes OpenVINO's convolutions, pools and resizings in ONNX's operators.

Operators: https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets.html.
"""

from __future__ import annotations

from math import prod
from typing import Any

from zoodiff.frontends.openvino.writer import Handler, Op

_AUTO_PADS = {"": "NOTSET", "explicit": "NOTSET", "notset": "NOTSET", "valid": "VALID"}
_SAME = {"same_upper": "SAME_UPPER", "same_lower": "SAME_LOWER"}


def _window(op: Op) -> dict[str, Any]:
    """Return strides, dilations and pads as ONNX's attributes; ValueError for unknown pads."""
    names = {**_AUTO_PADS, **_SAME}
    if op.text("auto_pad") not in names:
        raise ValueError(f"auto_pad {op.text('auto_pad')[:20]!r} is unknown")
    auto = names[op.text("auto_pad")]
    pads = op.whole("pads_begin") + op.whole("pads_end")
    return {
        "strides": op.whole("strides") or None,
        "dilations": op.whole("dilations") or None,
        "pads": pads if pads and auto == "NOTSET" else None,
        "auto_pad": auto,
    }


def _convolution(op: Op) -> bool:
    weight = op.shape(1)
    return _with_bias(
        op, "Conv", op.operands, **_window(op), kernel_shape=list(weight[2:]), group=1
    )


def _with_bias(op: Op, kind: str, operands: list[str], **attributes: Any) -> bool:
    """Add a convolution; a constant per channel that alone is added to it is its bias.

    OpenVINO's convolutions have no bias of their own.
    """
    behind = op.writer.sum_behind(op.layer)
    if behind is None:
        return op.finish(kind, operands, **attributes)
    total, position = behind
    channels, rank = op.out[1], len(op.out)
    shape = op.writer.shape(total, position)
    along = [1] * (rank - 1 - len(shape)) + list(shape)  # without the axis of the batch
    if len(shape) == rank and shape[0] == 1:
        along = list(shape[1:])
    wide = len(along) != rank - 1 or along != [channels, *[1] * (rank - 2)]
    if wide or total.outputs[0].shape != op.out or channels < 1:
        return op.finish(kind, operands, **attributes)
    bias = _reshaped(op, op.writer.tensor(total, position), [channels])
    op.writer.merged.add(total.id)
    outputs = op.writer.outputs(total)
    return op.finish(kind, [*operands, bias], outputs=outputs, **attributes)


def _group_convolution(op: Op) -> bool:
    """Write weights (groups, out, in, height, width) as ONNX's (groups * out, in, ...)."""
    data, weight = op.operands[:2]
    groups, out, *rest = op.shape(1)
    if min(groups, out, *rest) < 1:
        return False
    joined = _reshaped(op, weight, [groups * out, *rest])
    window = _window(op)
    return _with_bias(
        op, "Conv", [data, joined], **window, kernel_shape=list(rest[1:]), group=groups
    )


def _reshaped(op: Op, name: str, shape: list[int]) -> str:
    target = op.writer.number(f"{op.layer.name}/shape", shape)
    return op.step("Reshape", [name, target], shape)


def _backprop(op: Op) -> bool:
    weight = op.shape(1)
    return _transposed(op, op.operands[1], list(weight[2:]), 1)


def _group_backprop(op: Op) -> bool:
    """Write weights (groups, in, out, height, width) as ONNX's (groups * in, out, ...)."""
    groups, rows, *rest = op.shape(1)
    if min(groups, rows, *rest) < 1:
        return False
    joined = _reshaped(op, op.operands[1], [groups * rows, *rest])
    return _transposed(op, joined, list(rest[1:]), groups)


def _transposed(op: Op, weight: str, kernel: list[int], groups: int) -> bool:
    if len(op.layer.inputs) > 2 or op.text("auto_pad") in _SAME:
        return False  # pads that follow from the size of the output
    return _with_bias(
        op,
        "ConvTranspose",
        [op.operands[0], weight],
        **_window(op),
        kernel_shape=kernel,
        group=groups,
        output_padding=op.whole("output_padding") or None,
    )


def _max_pool(op: Op) -> bool:
    rounding = _rounding(op)
    if rounding is None or _reads_indices(op):
        return False
    return op.finish(
        "MaxPool",
        op.operands[:1],
        outputs=op.writer.outputs(op.layer)[:1],
        **_window(op),
        kernel_shape=op.whole("kernel"),
        **rounding,
    )


def _average_pool(op: Op) -> bool:
    rounding = _rounding(op)
    if rounding is None:
        return False
    counted = not op.flag("exclude-pad")
    if rounding["ceil_mode"] and counted:
        return False  # what a window beyond the padding is divided by differs between frameworks
    return op.finish(
        "AveragePool",
        **_window(op),
        kernel_shape=op.whole("kernel"),
        count_include_pad=int(counted),
        **rounding,
    )


def _reads_indices(op: Op) -> bool:
    """Whether something reads the second output of a max pooling."""
    return len(op.layer.outputs) > 1 and op.writer.is_read(op.layer, 1)


def _rounding(op: Op) -> dict[str, Any] | None:
    """Return ONNX's ``ceil_mode``; None where OpenVINO's plain ceiling gives another size.

    ONNX drops a last window that would start in the padding, as ``ceil_torch`` does.
    """
    kind = op.text("rounding_type", "floor")
    if kind == "floor":
        return {"ceil_mode": 0}
    if kind == "ceil_torch":
        return {"ceil_mode": 1}
    size, out = op.shape()[2:], op.out[2:]
    if kind != "ceil" or min(*size, *out) < 1 or op.text("auto_pad") in _SAME:
        return None
    kernel, strides = op.whole("kernel"), op.whole("strides") or [1] * len(size)
    dilations = op.whole("dilations") or [1] * len(size)
    begin = op.whole("pads_begin") or [0] * len(size)
    end = op.whole("pads_end") or [0] * len(size)
    ceiled = False
    for axis, extent in enumerate(size):
        span = extent + begin[axis] + end[axis] - (kernel[axis] - 1) * dilations[axis] - 1
        if (out[axis] - 1) * strides[axis] >= extent + begin[axis]:
            return None
        ceiled = ceiled or bool(span % strides[axis])
    return {"ceil_mode": int(ceiled)}


def _interpolate(op: Op) -> bool:
    """Write Interpolate of opsets 4 and 11; ``linear`` and pads have no like in ONNX."""
    mode = {"nearest": "nearest", "linear_onnx": "linear", "cubic": "cubic"}.get(op.text("mode"))
    later = op.layer.opset not in {"opset1", "opset2", "opset3"}
    if mode is None or not later or any(op.whole("pads_begin") + op.whole("pads_end")):
        return False
    by, rank = op.text("shape_calculation_mode", "sizes"), len(op.shape())
    fourth = op.layer.opset not in {
        "opset11",
        "opset12",
        "opset13",
        "opset14",
        "opset15",
        "opset16",
    }
    at, axes_at = (2 if by == "scales" else 1, 3) if fourth else (1, 2)
    given_axes = len(op.layer.inputs) > axes_at
    axes = op.writer.integers(op.layer, axes_at) if given_axes else list(range(rank))
    values = op.writer.value(op.layer, at)
    if values is None or axes is None or len(axes) != values.size or min(op.shape(), default=0) < 1:
        return False
    places = {axis % rank: float(v) for axis, v in zip(axes, values.reshape(-1), strict=True)}
    empty = op.writer.number(f"{op.layer.name}/none", [])
    if by == "sizes":
        sizes = [int(places.get(axis, extent)) for axis, extent in enumerate(op.shape())]
        settings_read = [empty, empty, op.writer.number(f"{op.layer.name}/sizes", sizes)]
    else:
        scales = [places.get(axis, 1.0) for axis in range(rank)]
        settings_read = [empty, op.writer.reals(f"{op.layer.name}/scales", scales)]
    settings = {
        "coordinate_transformation_mode": op.text("coordinate_transformation_mode", "half_pixel"),
        "nearest_mode": op.text("nearest_mode", "round_prefer_floor"),
        "cubic_coeff_a": op.real("cube_coeff", -0.75),
        "antialias": int(op.flag("antialias")),
    }
    return op.finish("Resize", [op.operands[0], *settings_read], mode=mode, **settings)


def _blocks(kind: str) -> Handler:
    def handle(op: Op) -> bool:
        mode = op.text("mode", "blocks_first")
        size = (op.whole("block_size") or [1])[0]
        if kind == "SpaceToDepth":
            return mode == "blocks_first" and op.finish(kind, blocksize=size)
        order = {"blocks_first": "DCR", "depth_first": "CRD"}.get(mode)
        return order is not None and op.finish(kind, blocksize=size, mode=order)

    return handle


def _shuffle_channels(op: Op) -> bool:
    """Write a shuffle of groups of channels as reshapes and a transposition."""
    shape = list(op.shape())
    axis = (op.whole("axis") or [1])[0] % len(shape)
    group = (op.whole("group") or [1])[0]
    if min(shape) < 1 or group < 1 or shape[axis] % group:
        return False
    parted = [*shape[:axis], group, shape[axis] // group, *shape[axis + 1 :]]
    order = list(range(len(parted)))
    order[axis], order[axis + 1] = axis + 1, axis
    split = _reshaped(op, op.operands[0], parted)
    turned = op.step("Transpose", [split], [parted[place] for place in order], perm=order)
    return op.finish("Reshape", [turned, op.writer.number(f"{op.layer.name}/shape", shape)])


def _lrn(op: Op) -> bool:
    """Write a norm over neighbouring channels; over other axes ONNX has none."""
    if op.writer.integers(op.layer, 1) != [1]:
        return False
    size = int(op.real("size"))
    names = {"alpha": op.real("alpha"), "beta": op.real("beta"), "bias": op.real("bias")}
    return size > 0 and op.finish("LRN", op.operands[:1], size=size, **names)


def _batch_norm(op: Op) -> bool:
    """Write a batch norm; in opset 1 the data is the third input."""
    operands = op.operands
    if op.layer.opset in {"opset1", "opset2", "opset3", "opset4"}:
        operands = [operands[2], *operands[:2], *operands[3:]]
    return op.finish("BatchNormalization", operands, epsilon=op.real("epsilon"))


def _group_norm(op: Op) -> bool:
    groups = op.whole("num_groups")
    return op.finish("GroupNormalization", num_groups=groups[0], epsilon=op.real("epsilon"))


def _mvn(op: Op) -> bool:
    """Write a normalisation of mean and variance as the arithmetic that it is."""
    axes = op.writer.integers(op.layer, 1)
    data, shape = op.operands[0], op.shape()
    if axes is None or op.layer.opset in {"opset1", "opset2"} or not prod(shape):
        return False
    placed = {axis % len(shape) for axis in axes}
    small = [1 if axis in placed else extent for axis, extent in enumerate(shape)]
    over = op.writer.number(f"{op.layer.name}/axes", sorted(placed))
    mean = op.step("ReduceMean", [data, over], small, keepdims=1)
    if not op.flag("normalize_variance"):
        return op.finish("Sub", [data, mean])
    centred = op.step("Sub", [data, mean], shape)
    squares = op.step("Mul", [centred, centred], shape)
    variance = op.step("ReduceMean", [squares, over], small, keepdims=1)
    epsilon = op.writer.number(f"{op.layer.name}/epsilon", op.real("eps"), like=data)
    if op.text("eps_mode") == "inside_sqrt":
        deviation = op.step("Sqrt", [op.step("Add", [variance, epsilon], small)], small)
    else:
        deviation = op.step("Add", [op.step("Sqrt", [variance], small), epsilon], small)
    return op.finish("Div", [centred, deviation])


HANDLERS: dict[str, Handler] = {
    "AvgPool": _average_pool,
    "BatchNormInference": _batch_norm,
    "Convolution": _convolution,
    "ConvolutionBackpropData": _backprop,
    "DepthToSpace": _blocks("DepthToSpace"),
    "GroupConvolution": _group_convolution,
    "GroupConvolutionBackpropData": _group_backprop,
    "GroupNormalization": _group_norm,
    "Interpolate": _interpolate,
    "LRN": _lrn,
    "MVN": _mvn,
    "MaxPool": _max_pool,
    "ShuffleChannels": _shuffle_channels,
    "SpaceToDepth": _blocks("SpaceToDepth"),
}
