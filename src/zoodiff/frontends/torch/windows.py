"""Converts ATen's convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Window
from zoodiff.frontends.torch.call import Call, Constant, Value, weights


def _pair(value: Sequence[int] | int, default: int = 0, rank: int = 2) -> list[int]:
    """Return one number per spatial axis; a single number is that of every axis."""
    values = [value] if isinstance(value, int) else list(value)
    if not values:
        values = [default]
    return [int(v) for v in (values * rank if len(values) == 1 else values)]


def conv(call: Call) -> Value | None:
    """Convert conv1d, conv2d and conv3d."""
    data, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    padding = call.arg(4, "padding", 0)
    kernel = list(weight.shape[2:])
    rank = len(kernel)
    dilations = _pair(call.arg(5, "dilation", 1), rank=rank)
    if rank + 2 != len(data.shape):
        return None
    if isinstance(padding, str):
        total = [
            d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilations, strict=True)
        ]
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
    else:
        pads = _pair(padding, rank=rank) * 2
    return call.node(
        operations.conv(
            Window(kernel, _pair(call.arg(3, "stride", 1), rank=rank), pads, dilations),
            group=call.arg(6, "groups", 1),
            out_channels=weight.shape[0],
            bias=bias is not None,
        ),
        inputs=weights(data, weight, bias),
    )


def convolution(call: Call) -> Value | None:
    """Convert the ``convolution`` of a traced module, transposed or not.

    Its arguments are ``(input, weight, bias, stride, padding, dilation, transposed,
    output_padding, groups, ...)``.
    """
    (data, weight, bias, stride, padding, dilation, transposed, extra, groups) = (
        call.arg(position, name)
        for position, name in enumerate(
            (
                *("input", "weight", "bias", "stride", "padding", "dilation"),
                *("transposed", "output_padding", "groups"),
            )
        )
    )
    if transposed and len(weight.shape) != 4:
        return None
    if transposed:
        turned = (data, weight, bias, stride, padding, extra, groups, dilation)
        return conv_transpose(replace(call, args=turned, kwargs={}))
    plain = (data, weight, bias, stride, padding, dilation, groups)
    return conv(replace(call, args=plain, kwargs={}))


def conv_transpose(call: Call) -> Value | None:
    """Convert conv_transpose2d."""
    data, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    group = int(call.arg(6, "groups", 1))
    window = Window(
        weight.shape[2:],
        _pair(call.arg(3, "stride", 1)),
        _pair(call.arg(4, "padding", 0)) * 2,
        _pair(call.arg(7, "dilation", 1)),
    )
    return call.node(
        operations.conv_transpose(
            window,
            group=group,
            out_channels=weight.shape[1] * group,
            bias=bias is not None,
            output_padding=_pair(call.arg(5, "output_padding", 0)),
        ),
        inputs=weights(data, weight, bias),
    )


def max_pool(call: Call) -> Value | None:
    """Convert max_pool2d."""
    window = _pool_window(call, call.arg(4, "dilation", 1))
    return call.node(operations.max_pool(window, ceil_mode=call.arg(5, "ceil_mode", False)))


def _pool_window(call: Call, dilation: Sequence[int] | int = 1) -> Window:
    kernel = _pair(call.arg(1, "kernel_size"))
    strides = _pair(call.arg(2, "stride") or kernel)
    return Window(kernel, strides, _pair(call.arg(3, "padding", 0)) * 2, _pair(dilation))


def avg_pool(call: Call) -> Value | None:
    """Convert avg_pool2d."""
    if call.arg(6, "divisor_override") is not None:
        return None
    window, spatial = _pool_window(call), call.args[0].shape[-2:]
    whole = all(size >= extent for size, extent in zip(window.kernel, spatial, strict=True))
    if call.outputs[0][-2:] == (1, 1) and whole and not any(window.pads):
        return call.node(operations.GLOBAL_AVERAGE_POOL)  # a window ends where the data ends
    return call.node(
        operations.average_pool(
            window,
            ceil_mode=call.arg(4, "ceil_mode", False),
            count_include_pad=call.arg(5, "count_include_pad", True),
        )
    )


def adaptive_avg_pool(call: Call) -> Value | None:
    """Convert an adaptive pool to what it is at this size: global, no pool, or equal windows."""
    data, window = call.args[0], _equal_windows(call)
    if call.outputs[0][-2:] == (1, 1):
        return call.node(operations.GLOBAL_AVERAGE_POOL)
    if window is None:
        return None
    if max(window.kernel) == 1:
        return data if isinstance(data, Value) else None
    return call.node(operations.average_pool(window, count_include_pad=True))


def adaptive_max_pool(call: Call) -> list[Value | Constant] | None:
    """Convert an adaptive maximum, whose indices nobody reads, as ``adaptive_avg_pool`` does."""
    window = _equal_windows(call)
    if any(call.read[1:]) or window is None:
        return None
    indices = Constant(f"{call.name}/indices", call.outputs[0])
    if call.outputs[0][-2:] == (1, 1):
        return [call.node(operations.GLOBAL_MAX_POOL), indices]
    return [call.node(operations.max_pool(window)), indices]


def _equal_windows(call: Call) -> Window | None:
    """Return the window of an adaptive pool; None where its windows differ in their extents."""
    spatial, size = call.args[0].shape[-2:], call.outputs[0][-2:]
    if any(extent % count for extent, count in zip(spatial, size, strict=True)):
        return None
    window = [extent // count for extent, count in zip(spatial, size, strict=True)]
    return Window(window, window, [0] * 4, [1, 1])
