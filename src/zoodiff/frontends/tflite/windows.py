"""Converts TFLite's convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Window
from zoodiff.frontends.same_padding import same_pads
from zoodiff.frontends.tflite.builder import Builder, Value
from zoodiff.frontends.tflite.reader import QUANTIZED, FileOperator


def conv(builder: Builder, operator: FileOperator) -> bool:
    """Convert CONV_2D and DEPTHWISE_CONV_2D; weights are (out, h, w, in) and (1, h, w, out)."""
    data, kernel = builder.value(operator.inputs[0]), operator.inputs[1]
    shape = builder.tensor(kernel).shape
    if data is None or not builder.fixed(kernel) or len(data.shape) != 4 or len(shape) != 4:
        return False
    channels = data.shape[3]
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    out, group = (shape[3], channels) if depthwise else (shape[0], channels // max(1, shape[3]))
    if group < 1 or out % group or (not depthwise and group * shape[3] != channels):
        raise ValueError(f"weights of shape {shape} do not fit {channels} channels")
    bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if bias >= 0 and not builder.fixed(bias):
        return False
    bias = -1 if bias >= 0 and builder.nothing(bias) else bias
    window = _window(operator, data, shape[1:3])
    weights = [builder.parameter(i) for i in (kernel, bias) if i >= 0]
    builder.node(
        operations.conv(window, group=group, out_channels=out, bias=bias >= 0),
        operator,
        values=[data],
        parameters=weights,
        image=True,
        quantized=quantized(builder, data, kernel),
    )
    return True


def quantized(builder: Builder, data: Value, weight: int) -> bool | str:
    """Whether a layer computes on integers, or ("weights") on real numbers with integer weights."""
    if data.quantized:
        return True
    return "weights" if builder.origin(weight).dtype in QUANTIZED else False


def max_pool(builder: Builder, operator: FileOperator) -> bool:
    """Convert MAX_POOL_2D; padding never wins."""
    data = _pooled(builder, operator)
    if data is None:
        return False
    pool = operations.max_pool(_pool_window(operator, data))
    builder.node(pool, operator, values=[data], image=True)
    return True


def average_pool(builder: Builder, operator: FileOperator) -> bool:
    """Convert AVERAGE_POOL_2D; elements of the padding do not count."""
    data = _pooled(builder, operator)
    if data is None:
        return False
    pool = operations.average_pool(_pool_window(operator, data), count_include_pad=False)
    builder.node(pool, operator, values=[data], image=True)
    return True


def _pooled(builder: Builder, operator: FileOperator) -> Value | None:
    data = builder.value(operator.inputs[0])
    return data if data is not None and len(data.shape) == 4 else None


def _pool_window(operator: FileOperator, data: Value) -> Window:
    kernel = [int(operator.options[f"Filter{side}"]) for side in ("Height", "Width")]
    return _window(operator, data, kernel)


def _window(operator: FileOperator, data: Value, kernel: Sequence[int]) -> Window:
    """Return kernel, strides, dilations and explicit pads, in ONNX's order."""
    options = operator.options
    strides = [int(options["StrideH"]), int(options["StrideW"])]
    dilations = [int(options.get(f"Dilation{axis}Factor", 1)) for axis in "HW"]
    if min(*kernel, *strides, *dilations) < 1:
        raise ValueError(f"a window {list(kernel)} with strides {strides}, dilations {dilations}")
    pads = [0, 0, 0, 0]
    if options.get("Padding", 0) == _SAME:
        for axis, size in enumerate(data.shape[1:3]):
            before, after = same_pads(size, kernel[axis], strides[axis], dilations[axis])
            pads[axis], pads[axis + 2] = before, after
    return Window(kernel, strides, pads, dilations)


_SAME = 0
"""``Padding`` of the schema: SAME is 0, VALID is 1."""
