"""ATen functions that slide a window: convolutions and pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoodiff.frontends.torch_call import Call, Value, weights


def _pair(value: Any, default: int = 0) -> list[int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values:
        values = [default]
    return [int(v) for v in (values * 2 if len(values) == 1 else values)]


def conv(call: Call) -> Value | None:
    """conv2d."""
    data, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    padding = call.arg(4, "padding", 0)
    kernel = list(weight.shape[2:])
    dilations = _pair(call.arg(5, "dilation", 1))
    if len(kernel) != 2:
        return None
    if isinstance(padding, str):
        total = [
            d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilations, strict=True)
        ]
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
    else:
        pads = _pair(padding) * 2
    return call.node(
        "Conv",
        {
            "kernel_shape": kernel,
            "strides": _pair(call.arg(3, "stride", 1)),
            "dilations": dilations,
            "group": int(call.arg(6, "groups", 1)),
            "pads": pads,
            "out_channels": int(weight.shape[0]),
            "bias": bias is not None,
        },
        inputs=weights(data, weight, bias),
    )


def convolution(call: Call) -> Value | None:
    """What a traced module holds: convolutions of both kinds, ``(input, weight, bias, stride,
    padding, dilation, transposed, output_padding, groups, ...)``."""
    (data, weight, bias, stride, padding, dilation, transposed, extra, groups) = (
        call.arg(position, name)
        for position, name in enumerate(
            (
                *("input", "weight", "bias", "stride", "padding", "dilation"),
                *("transposed", "output_padding", "groups"),
            )
        )
    )
    if len(weight.shape) != 4:
        return None
    if transposed:
        turned = (data, weight, bias, stride, padding, extra, groups, dilation)
        return conv_transpose(replace(call, args=turned, kwargs={}))
    plain = (data, weight, bias, stride, padding, dilation, groups)
    return conv(replace(call, args=plain, kwargs={}))


def conv_transpose(call: Call) -> Value | None:
    """conv_transpose2d."""
    data, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    group = int(call.arg(6, "groups", 1))
    return call.node(
        "ConvTranspose",
        {
            "kernel_shape": list(weight.shape[2:]),
            "strides": _pair(call.arg(3, "stride", 1)),
            "pads": _pair(call.arg(4, "padding", 0)) * 2,
            "output_padding": _pair(call.arg(5, "output_padding", 0)),
            "dilations": _pair(call.arg(7, "dilation", 1)),
            "group": group,
            "out_channels": int(weight.shape[1]) * group,
            "bias": bias is not None,
        },
        inputs=weights(data, weight, bias),
    )


def max_pool(call: Call) -> Value | None:
    """max_pool2d."""
    kernel = _pair(call.arg(1, "kernel_size"))
    return call.node(
        "MaxPool",
        {
            "kernel_shape": kernel,
            "strides": _pair(call.arg(2, "stride") or kernel),
            "pads": _pair(call.arg(3, "padding", 0)) * 2,
            "dilations": _pair(call.arg(4, "dilation", 1)),
            "ceil_mode": bool(call.arg(5, "ceil_mode", False)),
        },
    )


def avg_pool(call: Call) -> Value | None:
    """avg_pool2d."""
    if call.arg(6, "divisor_override") is not None:
        return None
    kernel = _pair(call.arg(1, "kernel_size"))
    return call.node(
        "AveragePool",
        {
            "kernel_shape": kernel,
            "strides": _pair(call.arg(2, "stride") or kernel),
            "pads": _pair(call.arg(3, "padding", 0)) * 2,
            "ceil_mode": bool(call.arg(4, "ceil_mode", False)),
            "count_include_pad": bool(call.arg(5, "count_include_pad", True)),
        },
    )


def adaptive_avg_pool(call: Call) -> Value | None:
    """What the pool is at this input size: global, none, or one of even windows."""
    data, size = call.args[0], _pair(call.args[1])
    spatial = list(data.shape[-2:])
    if size == [1, 1]:
        return call.node("GlobalAveragePool")
    if size == spatial:
        return data if isinstance(data, Value) else None
    if any(extent % wanted for extent, wanted in zip(spatial, size, strict=True)):
        return None
    window = [extent // wanted for extent, wanted in zip(spatial, size, strict=True)]
    return call.node(
        "AveragePool",
        {
            "kernel_shape": window,
            "strides": list(window),
            "pads": [0, 0, 0, 0],
            "ceil_mode": False,
            "count_include_pad": True,
        },
    )
