"""Keras layers that slide a window or move the edges: convolutions, pooling, padding, cropping."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.frontends.keras_call import Call, Handler, activate, native_layout
from zoodiff.frontends.same_padding import same_pads
from zoodiff.graph.ir import AttributeValue


def _window(
    call: Call, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> dict[str, AttributeValue] | None:
    """Return the attributes of a sliding window, or None where they are not two-dimensional."""
    layer = call.operation
    if len(kernel) != 2 or call.rank != 4 or layer.padding not in {"same", "valid"}:
        return None
    if not native_layout(call):
        return None
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        for position, size in enumerate(call.canonical_input[2:]):
            before, after = same_pads(
                size, kernel[position], strides[position], dilations[position]
            )
            pads[position], pads[position + 2] = before, after
    return {
        "kernel_shape": [int(n) for n in kernel],
        "strides": [int(n) for n in strides],
        "dilations": [int(n) for n in dilations],
        "pads": pads,
    }


def conv(call: Call) -> str | None:
    """Conv2D."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    output = call.emit(
        "Conv",
        window | _channels(layer.groups, layer.filters, layer.use_bias),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


def depthwise_conv(call: Call) -> str | None:
    """DepthwiseConv2D: as many groups as channels."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    channels = call.canonical_input[1]
    output = call.emit(
        "Conv",
        window | _channels(channels, channels * layer.depth_multiplier, layer.use_bias),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


def separable_conv(call: Call) -> str | None:
    """SeparableConv2D: a depthwise convolution, then a 1x1 one with the bias."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    channels = call.canonical_input[1]
    between = channels * int(layer.depth_multiplier)
    depthwise = call.emit(
        "Conv",
        window | _channels(channels, between, False),
        step="depthwise",
        shape=(1, between, *call.output[2:]),
        variables=[layer.depthwise_kernel],
    )
    output = call.emit(
        "Conv",
        _POINTWISE | _channels(1, layer.filters, layer.use_bias),
        inputs=[depthwise],
        step="pointwise",
        variables=[layer.pointwise_kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


_POINTWISE: dict[str, AttributeValue] = {
    "kernel_shape": [1, 1],
    "strides": [1, 1],
    "dilations": [1, 1],
    "pads": [0, 0, 0, 0],
}


def _channels(group: int, out_channels: int, bias: bool) -> dict[str, AttributeValue]:
    return {"group": int(group), "out_channels": int(out_channels), "bias": bool(bias)}


def _pool(call: Call, op: str, attributes: dict[str, AttributeValue]) -> str | None:
    layer = call.operation
    window = _window(call, layer.pool_size, layer.strides, [1] * len(layer.pool_size))
    return None if window is None else call.emit(op, window | attributes)


def max_pool(call: Call) -> str | None:
    """MaxPooling2D; padding never wins."""
    return _pool(call, "MaxPool", {"ceil_mode": False})


def average_pool(call: Call) -> str | None:
    """AveragePooling2D; TensorFlow divides by the number of elements that are not padding."""
    return _pool(call, "AveragePool", {"ceil_mode": False, "count_include_pad": False})


def global_pool(op: str) -> Handler:
    """Return the handler of GlobalAveragePooling2D or GlobalMaxPooling2D."""

    def handler(call: Call) -> str | None:
        if not native_layout(call):
            return None
        kept = (*call.canonical_input[:2], 1, 1)
        pooled = call.emit(op, shape=kept)
        if call.operation.keepdims:
            return pooled
        return call.emit("Flatten", {"axis": 1}, inputs=[pooled], step="flatten")

    return handler


def zero_padding(call: Call) -> str | None:
    """ZeroPadding2D; pads in ONNX's order, over height and width."""
    if not native_layout(call):
        return None
    (top, bottom), (left, right) = call.operation.padding
    pads = [int(n) for n in (top, left, bottom, right)]
    return call.emit("Pad", {"pads": pads, "axes": [2, 3], "mode": "constant", "value": 0.0})


def cropping(call: Call) -> str | None:
    """Cropping2D, as a slice over height and width."""
    if not native_layout(call):
        return None
    (top, bottom), (left, right) = call.operation.cropping
    height, width = call.canonical_input[2:]
    return call.emit(
        "Slice",
        {
            "axes": [2, 3],
            "starts": [int(top), int(left)],
            "ends": [height - int(bottom), width - int(right)],
        },
    )
