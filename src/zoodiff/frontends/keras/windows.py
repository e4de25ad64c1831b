"""Converts Keras's convolutions, pooling, padding and cropping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Handler, activate, native_layout
from zoodiff.frontends.operations import Cut, Operation, Window
from zoodiff.frontends.same_padding import same_pads


def _window(
    call: Call, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Window | None:
    """Return the geometry of a window, or None where it is not two-dimensional."""
    layer = call.operation
    if len(kernel) != 2 or call.rank != 4 or layer.padding not in {"same", "valid"}:
        return None
    if not native_layout(call):
        return None
    window = Window(kernel, strides, [0, 0, 0, 0], dilations)
    return padded(call.canonical_input[2:], window, layer.padding)


def padded(sizes: Sequence[int], window: Window, padding: str) -> Window | None:
    """Return a window with the pads of Keras's padding for an image; None for another padding."""
    if padding == "valid":
        return window
    if padding != "same":
        return None
    pairs = [
        same_pads(*row)
        for row in zip(sizes, window.kernel, window.strides, window.dilations, strict=True)
    ]
    return replace(window, pads=[pair[end] for end in (0, 1) for pair in pairs])


def conv(call: Call) -> str | None:
    """Convert Conv2D."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    output = call.emit(
        operations.conv(
            window, group=layer.groups, out_channels=layer.filters, bias=layer.use_bias
        ),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


def conv_of_tokens(call: Call) -> str | None:
    """Convert Conv1D, whose data becomes (batch, channels, places) for it."""
    layer = call.operation
    (kernel,), (stride,), (dilation,) = layer.kernel_size, layer.strides, layer.dilation_rate
    if call.rank != 3 or layer.data_format != "channels_last":
        return None
    batch, places, channels = call.inputs[0].shape
    reach = (kernel - 1) * dilation
    pads = {
        "valid": (0, 0),
        "causal": (reach, 0),
        "same": same_pads(places, kernel, stride, dilation),
    }
    if layer.padding not in pads:
        return None
    turned = (batch, channels, places)
    turn = operations.transpose((0, 2, 1))
    data = call.emit(turn, shape=turned, step="channels_first")
    window = Window([kernel], [stride], pads[layer.padding], [dilation])
    convolution = operations.conv(
        window, group=layer.groups, out_channels=layer.filters, bias=layer.use_bias
    )
    output = (call.shapes[0][0], layer.filters, call.shapes[0][1])
    result = call.emit(
        convolution,
        inputs=[data],
        shape=output,
        step="conv",
        variables=[layer.kernel, layer.bias],
    )
    result = call.emit(turn, inputs=[result])
    return activate(call, result, layer.activation)


def conv_transpose(call: Call) -> str | None:
    """Convert Conv2DTranspose, whose result Keras gives its extents; pads are what is over."""
    layer = call.operation
    if call.rank != 4 or not native_layout(call) or getattr(layer, "groups", 1) != 1:
        return None
    kernel, strides, dilations = layer.kernel_size, layer.strides, layer.dilation_rate
    pads, added = [0, 0, 0, 0], [0, 0]
    for place, (size, output) in enumerate(
        zip(call.canonical_input[2:], call.output[2:], strict=True)
    ):
        whole = (size - 1) * strides[place] + (kernel[place] - 1) * dilations[place] + 1
        over = whole - output
        if layer.padding not in {"same", "valid"} or (over > 0 and layer.padding == "valid"):
            return None
        added[place] = max(-over, 0)
        pads[place], pads[place + 2] = max(over, 0) // 2, max(over, 0) - max(over, 0) // 2
    output_name = call.emit(
        operations.conv_transpose(
            Window(kernel, strides, pads, dilations),
            group=1,
            out_channels=layer.filters,
            bias=layer.use_bias,
            output_padding=added,
        ),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output_name, layer.activation)


def depthwise_conv(call: Call) -> str | None:
    """Convert DepthwiseConv2D to a convolution with as many groups as channels."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    channels = call.canonical_input[1]
    output = call.emit(
        operations.conv(
            window,
            group=channels,
            out_channels=channels * layer.depth_multiplier,
            bias=layer.use_bias,
        ),
        variables=[layer.kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


def separable_conv(call: Call) -> str | None:
    """Convert SeparableConv2D to a depthwise convolution and a 1x1 convolution with the bias."""
    layer = call.operation
    window = _window(call, layer.kernel_size, layer.strides, layer.dilation_rate)
    if window is None:
        return None
    channels = call.canonical_input[1]
    between = channels * int(layer.depth_multiplier)
    depthwise = call.emit(
        operations.conv(window, group=channels, out_channels=between, bias=False),
        step="depthwise",
        shape=(1, between, *call.output[2:]),
        variables=[layer.depthwise_kernel],
    )
    output = call.emit(
        operations.conv(_POINTWISE, group=1, out_channels=layer.filters, bias=layer.use_bias),
        inputs=[depthwise],
        step="pointwise",
        variables=[layer.pointwise_kernel, layer.bias],
    )
    return activate(call, output, layer.activation)


_POINTWISE = Window([1, 1], [1, 1], [0, 0, 0, 0], [1, 1])


def _pool_window(call: Call) -> Window | None:
    layer = call.operation
    return _window(call, layer.pool_size, layer.strides, [1] * len(layer.pool_size))


def max_pool(call: Call) -> str | None:
    """Convert MaxPooling2D; padding never wins."""
    window = _pool_window(call)
    return None if window is None else call.emit(operations.max_pool(window))


def average_pool(call: Call) -> str | None:
    """Convert AveragePooling2D; padding does not count in the average."""
    window = _pool_window(call)
    if window is None:
        return None
    return call.emit(operations.average_pool(window, count_include_pad=False))


def global_pool(pool: Operation) -> Handler:
    """Return the handler of GlobalAveragePooling2D or GlobalMaxPooling2D."""

    def handler(call: Call) -> str | None:
        if not native_layout(call):
            return None
        pooled_shape = (*call.canonical_input[:2], 1, 1)
        pooled = call.emit(pool, shape=pooled_shape)
        if call.operation.keepdims:
            return pooled
        return call.emit(operations.flatten(), inputs=[pooled], step="flatten")

    return handler


def up_sampling(call: Call) -> str | None:
    """Convert UpSampling2D: elements are repeated, or interpolated as a resize does it."""
    layer = call.operation
    if not native_layout(call):
        return None
    height, width = call.canonical_input[2:]
    rows, columns = (int(n) for n in layer.size)
    if layer.interpolation == "nearest":
        scales = [1.0, 1.0, float(rows), float(columns)]
        return call.emit(operations.resampled("nearest", "asymmetric", scales=scales))
    return resized(call, layer.interpolation, (height * rows, width * columns))


def resized(call: Call, interpolation: str, sizes: Sequence[int]) -> str | None:
    """Add a resize of an image with pixels around their centres; None for other interpolations."""
    mode = {"bilinear": "linear", "nearest": "nearest"}.get(interpolation)
    if mode is None or tuple(sizes) != call.output[2:]:
        return None
    if mode == "nearest":
        half = operations.resized(mode, sizes, align_corners=False, half_pixel_centers=True)
        return call.emit(half)
    return call.emit(operations.resampled(mode, "half_pixel", sizes=call.output))


def zero_padding(call: Call) -> str | None:
    """Convert ZeroPadding2D; pads are in ONNX's order, over height and width."""
    if not native_layout(call):
        return None
    (top, bottom), (left, right) = call.operation.padding
    return call.emit(operations.pad((top, left, bottom, right), (2, 3)))


def cropping(call: Call) -> str | None:
    """Convert Cropping2D to a slice over height and width."""
    if not native_layout(call):
        return None
    (top, bottom), (left, right) = call.operation.cropping
    height, width = call.canonical_input[2:]
    rows, columns = Cut(2, top, height - bottom), Cut(3, left, width - right)
    return call.emit(operations.sliced([rows, columns]))
