"""Converts ONNX's convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Call, Value
from zoodiff.frontends.operations import Window


def explicit_pads(
    auto_pad: str,
    pads: Sequence[int] | None,
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """Return explicit pads in ONNX's order: all beginnings, then all ends.

    ``SAME_UPPER`` puts the odd element at the end, ``SAME_LOWER`` at the beginning
    (https://onnx.ai/onnx/operators/onnx__Conv.html).

    >>> explicit_pads("SAME_UPPER", None, [224, 224], [3, 3], [2, 2], [1, 1])
    [0, 0, 1, 1]
    >>> explicit_pads("SAME_LOWER", None, [224, 224], [3, 3], [2, 2], [1, 1])
    [1, 1, 0, 0]
    """
    if auto_pad in {"", "NOTSET"}:
        return [int(n) for n in pads] if pads else [0] * (2 * len(kernel))
    before, after = [], []
    for extent, window, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        total = 0
        if auto_pad != "VALID":
            output = -(-extent // stride)
            total = max((output - 1) * stride + (window - 1) * dilation + 1 - extent, 0)
        small, large = total // 2, total - total // 2
        before.append(large if auto_pad == "SAME_LOWER" else small)
        after.append(small if auto_pad == "SAME_LOWER" else large)
    return before + after


def _window(call: Call, kernel: Sequence[int]) -> Window:
    count = len(kernel)
    strides = [int(n) for n in call.attributes.get("strides", [1] * count)]
    dilations = [int(n) for n in call.attributes.get("dilations", [1] * count)]
    pads = explicit_pads(
        str(call.attributes.get("auto_pad", "NOTSET")),
        call.attributes.get("pads"),
        call.data.shape[2:],
        kernel,
        strides,
        dilations,
    )
    return Window(kernel, strides, pads, dilations)


_POSITIONS = {"Conv": (1, 2), "QLinearConv": (3, 8), "ConvInteger": (1, None)}
"""The positions of each operator's weight and bias."""


def conv(call: Call) -> Value | None:
    """Convert Conv, QLinearConv and ConvInteger."""
    at, bias_at = _POSITIONS[call.op]
    weight, bias = call.given(at), None if bias_at is None else call.given(bias_at)
    if weight is None or len(weight.shape) < 3:
        return None
    kernel = call.attributes.get("kernel_shape") or weight.shape[2:]
    call.quantized = call.op != "Conv"
    return call.node(
        operations.conv(
            _window(call, kernel),
            group=call.attributes.get("group", 1),
            out_channels=weight.shape[0],
            bias=bias is not None,
        ),
        inputs=[call.data, weight, bias],
    )


def conv_transpose(call: Call) -> Value | None:
    """Convert ConvTranspose; pads that follow from an output shape become explicit.

    See https://onnx.ai/onnx/operators/onnx__ConvTranspose.html.
    """
    weight, bias = call.given(1), call.given(2)
    if weight is None or len(weight.shape) < 3:
        return None
    kernel = [int(n) for n in call.attributes.get("kernel_shape") or weight.shape[2:]]
    group, count = int(call.attributes.get("group", 1)), len(kernel)
    strides, dilations, extra = (
        [int(n) for n in call.attributes.get(name, [default] * count)]
        for name, default in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    pads = [int(n) for n in call.attributes.get("pads", [0] * (2 * count))]
    auto, size = str(call.attributes.get("auto_pad", "NOTSET")), call.data.shape[2:]
    output_shape = call.attributes.get("output_shape")
    if output_shape is None and auto.startswith("SAME"):
        output_shape = [extent * stride for extent, stride in zip(size, strides, strict=True)]
    if output_shape is not None:
        before, after = [], []
        for i, output in enumerate(list(output_shape)[-count:]):
            window = (kernel[i] - 1) * dilations[i] + 1
            total = strides[i] * (size[i] - 1) + extra[i] + window - int(output)
            if total < 0 and "output_shape" in call.attributes:
                extra[i] -= total  # elements that no window reaches are added at the end
            total = max(total, 0)
            small, large = total // 2, total - total // 2
            before.append(small if auto == "SAME_UPPER" else large)
            after.append(large if auto == "SAME_UPPER" else small)
        pads = before + after
    return call.node(
        operations.conv_transpose(
            Window(kernel, strides, pads, dilations),
            group=group,
            out_channels=weight.shape[1] * group,
            bias=bias is not None,
            output_padding=extra,
        )
    )


def max_pool(call: Call) -> Value | None:
    """Convert MaxPool; None for one that also returns indices."""
    if len(call.outputs) > 1:
        return None
    window = _window(call, call.attributes["kernel_shape"])
    ceil = bool(call.attributes.get("ceil_mode", 0))
    return call.node(operations.max_pool(window, ceil_mode=ceil))


def average_pool(call: Call) -> Value:
    """Convert AveragePool; padding does not count unless the file says so."""
    return call.node(
        operations.average_pool(
            _window(call, call.attributes["kernel_shape"]),
            ceil_mode=bool(call.attributes.get("ceil_mode", 0)),
            count_include_pad=bool(call.attributes.get("count_include_pad", 0)),
        )
    )
