"""Converts Paddle's convolutions, pools, norms and matrix products.

Operators and attributes: https://github.com/PaddlePaddle/Paddle/tree/develop/paddle/phi/ops/yaml.
"""

from __future__ import annotations

from math import prod
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Extents, Window
from zoodiff.frontends.paddle.call import Call, Known, Value
from zoodiff.frontends.same_padding import same_pads

WINDOW = frozenset({"strides", "paddings", "padding_algorithm", "data_format"})
CONV = WINDOW | {"dilations", "groups"}


def conv(call: Call) -> Value | None:
    """Convert a convolution, with the bias that is added behind it."""
    data, weight = call.data("input"), call.weight("filter")
    if data is None or weight is None or len(weight.shape) != 4 or not _channels_first(call):
        return None
    window = _window(call, data, weight.shape[2:], call.attributes["dilations"])
    if window is None:
        return None
    layer = operations.conv(
        window,
        group=call.attributes["groups"],
        out_channels=weight.shape[0],
        bias=call.bias is not None,
    )
    return call.node(layer, [data, weight, call.bias])


def conv_transpose(call: Call) -> Value | None:
    """Convert a transposed convolution; its kernel is (in, out per group, height, width)."""
    data, weight, size = call.data(), call.weight("filter"), call.known("output_size")
    if data is None or weight is None or not _channels_first(call):
        return None
    explicit = call.attributes["padding_algorithm"] == "EXPLICIT"
    if not explicit or size is None or size.whole:
        return None
    window = _window(call, data, weight.shape[2:], call.attributes["dilations"])
    if window is None:
        return None
    group = int(call.attributes["groups"])
    layer = operations.conv_transpose(
        window,
        group=group,
        out_channels=weight.shape[1] * group,
        bias=call.bias is not None,
        output_padding=call.attributes["output_padding"] or [0, 0],
    )
    return call.node(layer, [data, weight, call.bias])


def _channels_first(call: Call) -> bool:
    return call.attributes["data_format"] in {"NCHW", "AnyLayout"}


def _window(call: Call, data: Value, kernel: Any, dilations: Any) -> Window | None:
    strides, given = list(call.attributes["strides"]), list(call.attributes["paddings"])
    how = call.attributes["padding_algorithm"]
    if how == "VALID":
        pads = [0, 0, 0, 0]
    elif how == "SAME" and set(dilations) == {1}:  # Paddle ignores dilations with it
        pairs = [same_pads(data.shape[2 + k], kernel[k], strides[k], 1) for k in (0, 1)]
        pads = [pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]]
    elif how == "EXPLICIT" and len(given) == 2:
        pads = given * 2
    elif how == "EXPLICIT" and len(given) == 4:  # top, bottom, left, right
        pads = [given[0], given[2], given[1], given[3]]
    else:
        return None
    return Window(list(kernel), strides, pads, list(dilations))


def pool(call: Call) -> Any:
    """Convert a pool: of windows, adaptive, or global."""
    data, size = call.data(), call.known("kernel_size")
    largest = {"max": True, "avg": False}.get(call.attributes["pooling_type"])
    if data is None or size is None or largest is None or not _channels_first(call):
        return None
    everything = operations.GLOBAL_MAX_POOL if largest else operations.GLOBAL_AVERAGE_POOL
    whole = call.outputs[0][2:] == (1, 1)
    if call.attributes["global_pooling"] or (call.attributes["adaptive"] and whole):
        return call.node(everything, [data])
    if call.attributes["adaptive"]:
        return _equal_windows(call, data, largest)
    return _windows(call, data, size, largest)


def _windows(call: Call, data: Value, size: Known, largest: bool) -> Value | None:
    """Convert a pool of windows of one extent."""
    window = _window(call, data, size.whole * (2 // len(size.whole)), [1, 1])
    if window is None or _beyond(window, data, call.outputs[0]):
        return None
    ceil, whole = bool(call.attributes["ceil_mode"]), call.outputs[0][2:] == (1, 1)
    if largest:
        return call.node(operations.max_pool(window, ceil_mode=ceil), [data])
    if whole and tuple(window.kernel) == data.shape[2:] and not any(window.pads):
        return call.node(operations.GLOBAL_AVERAGE_POOL, [data])
    if ceil and not call.attributes["exclusive"]:
        return None
    average = operations.average_pool(
        window, count_include_pad=not call.attributes["exclusive"], ceil_mode=ceil
    )
    return call.node(average, [data])


def _beyond(window: Window, data: Value, output: tuple[int, ...]) -> bool:
    """Whether a last window begins behind the data, which other frameworks leave out."""
    return any(
        (output[2 + k] - 1) * window.strides[k] >= data.shape[2 + k] + window.pads[k]
        for k in (0, 1)
    )


def _equal_windows(call: Call, data: Value, largest: bool) -> Value | None:
    """Convert an adaptive pool whose windows have equal extents."""
    spatial, size = data.shape[2:], call.outputs[0][2:]
    if any(extent % count for extent, count in zip(spatial, size, strict=True)):
        return None
    extents = [extent // count for extent, count in zip(spatial, size, strict=True)]
    if max(extents) == 1:
        return data
    window = Window(extents, extents, [0] * 4, [1, 1])
    if largest:
        return call.node(operations.max_pool(window), [data])
    return call.node(operations.average_pool(window, count_include_pad=True), [data])


def batch_norm(call: Call) -> Value | None:
    """Convert a batch norm; Paddle's momentum is the weight of the old value, as ONNX's is."""
    data = call.data()
    scale, shift, mean, variance = map(call.weight, ("scale", "bias", "mean", "variance"))
    own = call.attributes["trainable_statistics"] or not call.attributes["is_test"]
    stored = call.attributes["use_global_stats"] or not own  # those of the data otherwise
    absent = [call.operands.get(name) is None for name in ("scale", "bias")]
    if data is None or mean is None or variance is None or not stored:
        return None
    if not _channels_first(call) or absent != [scale is None, shift is None]:
        return None
    norm = operations.batch_norm(
        epsilon=call.real("epsilon"),
        momentum=call.real("momentum"),
        axis=1,
        scale=scale is not None,
        center=shift is not None,
    )
    return call.node(norm, [data, scale, shift, mean, variance])


def layer_norm(call: Call) -> Value | None:
    """Convert a layer norm over the last axes, whose scale and shift have one axis each."""
    data, scale, shift = call.data(), call.weight("scale"), call.weight("bias")
    absent = [call.operands.get(name) is None for name in ("scale", "bias")]
    first = call.attributes["begin_norm_axis"]
    if data is None or first != len(data.shape) - 1 or absent != [scale is None, shift is None]:
        return None
    norm = operations.layer_norm(
        [first],
        epsilon=call.real("epsilon"),
        scale=scale is not None,
        center=shift is not None,
    )
    return call.node(norm, [data, scale, shift])


def matmul(call: Call) -> Value | None:
    """Convert a matrix product: a linear layer where the second matrix is a weight."""
    first, second, weight = call.data(), call.data("y"), call.weight("y")
    turned = [bool(call.attributes[name]) for name in ("transpose_x", "transpose_y")]
    if first is not None and weight is not None and len(weight.shape) == 2 and not turned[0]:
        if len(first.shape) < 2:
            return None
        width, count = weight.shape[::-1] if turned[1] else weight.shape
        axis = len(first.shape) - 1
        layer = operations.linear(width, count, bias=call.bias is not None, axis=axis)
        order: LinearOrder = "OI" if turned[1] else "IO"
        return call.node(layer, [first, weight, call.bias], matrices=order)
    if first is None or second is None or min(len(first.shape), len(second.shape)) < 2:
        return None
    output = call.outputs[0]
    inner = first.shape[-2] if turned[0] else first.shape[-1]
    extents = Extents(prod(output[:-2]), output[-2], inner, output[-1])
    product = operations.matmul(extents, first_transposed=turned[0], second_transposed=turned[1])
    return call.node(product, [first, second])


def softmax(call: Call) -> Value | None:
    """Convert a softmax."""
    data = call.data()
    if data is None:
        return None
    return call.node(operations.softmax(call.attributes["axis"] % len(data.shape)), [data])
