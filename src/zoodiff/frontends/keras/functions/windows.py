"""Converts convolutions and pooling as functions, and resampling of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import (
    Call,
    Handler,
    Result,
    Value,
    in_own_order,
    on_images,
    outputs_of,
)
from zoodiff.frontends.keras.functions.function import (
    Function,
    arguments,
    function,
    settings_of,
    tensor_of,
    wholes,
)
from zoodiff.frontends.keras.windows import padded, resized
from zoodiff.frontends.operations import Operation, Window

_WINDOW = ("data_format", "padding", "strides")


def _pair(value: object) -> list[int] | None:
    """Return a setting of height and width, of which one number is both."""
    numbers = wholes(value)
    if numbers is not None and len(numbers) == 1:
        numbers = numbers * 2
    return numbers if numbers is not None and len(numbers) == 2 and min(numbers) > 0 else None


def _native(call: Call, rank: int) -> bool:
    """Whether the function works on images in the layout of the graph."""
    layout = settings_of(call.operation).get("data_format")
    last = call.channels_last if layout is None else layout == "channels_last"
    return rank == 4 and last == call.channels_last


def _window(call: Call, kernel: Sequence[int], strides: object, dilation: object) -> Window | None:
    steps, spread = _pair(strides), _pair(dilation)
    padding = str(settings_of(call.operation).get("padding"))
    if steps is None or spread is None or not _native(call, call.rank):
        return None
    return padded(call.canonical_input[2:], Window(kernel, steps, [0, 0, 0, 0], spread), padding)


def _convolution(*, depthwise: bool) -> Handler:
    def handler(call: Call) -> Result:
        given, settings = arguments(call), settings_of(call.operation)
        if set(given) != {"inputs", "kernel"}:
            return None
        data, kernel = given["inputs"], given["kernel"]  # a kernel is no image
        if any(not isinstance(value, Value) or len(value.shape) != 4 for value in (data, kernel)):
            return None
        if kernel.variable is None or data.variable is not None:
            return None
        data = call.builder.held(data, image=call.channels_last)
        call = replace(call, inputs=(data,), image=call.channels_last)
        window = _window(call, kernel.shape[:2], settings.get("strides"), settings["dilation_rate"])
        inside, (read, out) = call.canonical_input[1], kernel.shape[2:]
        group = inside if depthwise else inside // read
        if window is None or (inside != read if depthwise else inside % read):
            return None
        operation = operations.conv(
            window, group=group, out_channels=inside * out if depthwise else out, bias=False
        )
        return outputs_of(call, call.emit(operation, variables=[kernel.variable]))

    return handler


def _pool(kind: str) -> Handler:
    def handler(call: Call) -> Result:
        settings = settings_of(call.operation)
        size = _pair(settings.get("pool_size"))
        if tensor_of(call) is None or size is None:
            return None
        window = _window(call, size, settings.get("strides", size), 1)
        return None if window is None else call.emit(_pooling(kind, window))

    return on_images(handler)


def _pooling(kind: str, window: Window) -> Operation:
    if kind == "max":
        return operations.max_pool(window)
    return operations.average_pool(window, count_include_pad=False)


def _resize(call: Call) -> Result:
    settings = settings_of(call.operation)
    special = ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
    sizes = _pair(settings.get("size"))
    if tensor_of(call) is None or any(settings.get(name) for name in special) or sizes is None:
        return None
    if not _native(call, call.rank):
        return None
    return resized(call, str(settings.get("interpolation")), sizes)


def _patches(call: Call) -> Result:
    """Convert ``extract_patches``: the elements under each window become its channels."""
    settings = settings_of(call.operation)
    size, strides = _pair(settings.get("size")), _pair(settings.get("strides"))
    spread, data = _pair(settings.get("dilation_rate")), tensor_of(call)
    images = call.channels_last and settings.get("data_format") == "channels_last"
    if data is None or len(data.shape) != 4 or not images or settings.get("is_3d"):
        return None
    if size is None or spread is None:
        return None
    strides = size if strides is None else strides
    window = padded(
        data.shape[1:3],
        Window(size, strides, [0, 0, 0, 0], spread),
        str(settings.get("padding")),
    )
    if window is None:
        return None
    return _gathered(call, data, window)


def _gathered(call: Call, data: Value, window: Window) -> Result:
    """Choose the places of all windows by a table, from height and width joined to one axis."""
    import numpy as np

    (batch, *extents, channels), pads = data.shape, window.pads
    sizes = [n + pads[i] + pads[i + 2] for i, n in enumerate(extents)]
    output = call.shapes[0]
    rows, columns = (
        np.arange(output[i + 1])[:, None] * window.strides[i]
        + np.arange(window.kernel[i]) * window.dilations[i]
        for i in range(2)
    )
    places = rows[:, None, :, None] * sizes[1] + columns[None, :, None, :]
    count = window.kernel[0] * window.kernel[1]
    if output != (batch, len(rows), len(columns), count * channels) or rows.max() >= sizes[0]:
        return None
    if columns.max() >= sizes[1] or not call.builder.afford(places.size):
        return None
    source = data.name
    if any(pads):
        wide = (batch, *sizes, channels)
        padding = operations.pad(pads, (1, 2))
        source = call.emit(padding, inputs=[source], shape=wide, step="pad")
    flat = (batch, sizes[0] * sizes[1], channels)
    source = call.emit(operations.reshape(flat), inputs=[source], shape=flat, step="flat")
    table = (len(rows) * len(columns), count)
    chosen = operations.gather(1, places.reshape(-1).tolist(), table)
    taken = (batch, *table, channels)
    source = call.emit(chosen, inputs=[source], shape=taken, step="windows")
    return call.emit(operations.reshape(output), inputs=[source])


FUNCTIONS: Mapping[str, Function] = {
    "AveragePool": function(_pool("average"), *_WINDOW, "pool_size"),
    "Conv": function(_convolution(depthwise=False), *_WINDOW, "dilation_rate"),
    "DepthwiseConv": function(_convolution(depthwise=True), *_WINDOW, "dilation_rate"),
    "ExtractPatches": function(
        in_own_order(_patches),
        *("data_format", "dilation_rate", "is_3d", "padding", "size", "strides"),
    ),
    "MaxPool": function(_pool("max"), *_WINDOW, "pool_size"),
    "Resize": function(
        on_images(_resize),
        *("antialias", "crop_to_aspect_ratio", "data_format", "fill_mode", "fill_value"),
        *("interpolation", "pad_to_aspect_ratio", "size"),
    ),
}
"""The functions of this family."""
