"""Converts functions that give a tensor another shape or another order of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Result, Shape, Value, in_own_order
from zoodiff.frontends.keras.functions.function import (
    Function,
    axes_of,
    function,
    settings_of,
    tensor_of,
    wholes,
)


def reshaped(call: Call) -> Result:
    """Reshape a tensor to the call's output, in the framework's order of elements.

    Where that order differs from channels first, a Transpose is added, so that the graph computes
    what the network computes. A result whose elements have one order either way is an image.
    """
    if len(call.inputs) != 1:
        return None
    source, target = call.inputs[0].shape, call.shapes[0]
    if any(n < 0 for n in (*source, *target)) or prod(source) != prod(target):
        return None
    if call.inputs[0].image and _order_matters(source) and target == _tokens(source):
        return _as_tokens(call.as_held())
    call = call.own_order() if _order_matters(source) else call.as_held()
    if len(target) == 2 and target[0] == source[0]:
        return call.emit(operations.flatten(), shape=target)
    image = call.channels_last and len(target) == 4 and not _order_matters(target)
    stored = (target[0], target[3], target[1], target[2]) if image else target
    name = call.emit(operations.reshape(stored), shape=stored)
    return Value(name, target, call.dtypes[0], image=image)


def _order_matters(shape: Shape) -> bool:
    return len(shape) == 4 and shape[3] > 1 and shape[1] * shape[2] > 1


def _tokens(image: Shape) -> Shape:
    batch, height, width, channels = image
    return (batch, height * width, channels)


def _as_tokens(call: Call) -> str:
    """Join height and width of an image to one axis, before the channels become the last one.

    So other frameworks write patches as tokens; the order of elements is that of a reshape.
    """
    batch, places, channels = call.shapes[0]
    flat = (batch, channels, places)
    joined = call.emit(operations.reshape(flat), shape=flat, step="joined")
    return call.emit(operations.transpose((0, 2, 1)), inputs=[joined])


def _reshape(call: Call) -> Result:
    return None if tensor_of(call) is None else reshaped(call)


def _expand_dims(call: Call) -> Result:
    data, axes = tensor_of(call), wholes(settings_of(call.operation).get("axis"))
    rank = len(call.shapes[0])
    if data is None or axes is None or len(data.shape) + len(axes) != rank:
        return None
    if any(not -rank <= axis < rank for axis in axes):
        return None
    new = sorted(axis % rank for axis in axes)
    if tuple(n for i, n in enumerate(call.shapes[0]) if i not in new) != data.shape:
        return None
    return call.emit(operations.unsqueeze(new))


def _squeeze(call: Call) -> Result:
    data, axis = tensor_of(call), settings_of(call.operation).get("axis")
    if data is None:
        return None
    ones = [i for i, n in enumerate(data.shape) if n == 1]
    axes = ones if axis is None else axes_of(axis, len(data.shape))
    if axes is None or not set(axes) <= set(ones):
        return None
    if tuple(n for i, n in enumerate(data.shape) if i not in axes) != call.shapes[0]:
        return None
    return call.emit(operations.squeeze(sorted(axes))) if axes else data


def _transpose(call: Call) -> Result:
    data, axes = tensor_of(call), settings_of(call.operation).get("axes")
    if data is None:
        return None
    order = list(range(len(data.shape)))[::-1] if axes is None else axes_of(axes, len(data.shape))
    return _permuted(call, data, order)


def _swapaxes(call: Call) -> Result:
    data, settings = tensor_of(call), settings_of(call.operation)
    if data is None:
        return None
    pair = [axes_of(settings.get(name, ()), len(data.shape)) for name in ("axis1", "axis2")]
    if any(axes is None or len(axes) != 1 for axes in pair):
        return None
    first, second = (axis for axes in pair if axes is not None for axis in axes)
    order = list(range(len(data.shape)))
    order[first], order[second] = order[second], order[first]
    return _permuted(call, data, order)


def _moveaxis(call: Call) -> Result:
    data, settings = tensor_of(call), settings_of(call.operation)
    if data is None:
        return None
    rank = len(data.shape)
    sources = axes_of(settings.get("source"), rank)
    targets = axes_of(settings.get("destination"), rank)
    if sources is None or targets is None or len(sources) != len(targets):
        return None
    order = [axis for axis in range(rank) if axis not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return _permuted(call, data, order)


def _permuted(call: Call, data: Value, order: Sequence[int] | None) -> Result:
    if order is None or sorted(order) != list(range(len(data.shape))):
        return None
    if tuple(data.shape[axis] for axis in order) != call.shapes[0]:
        return None
    if list(order) == sorted(order):
        return data
    return call.emit(operations.transpose(order))


FUNCTIONS: Mapping[str, Function] = {
    "ExpandDims": function(in_own_order(_expand_dims), "axis", any_type=True),
    "Moveaxis": function(in_own_order(_moveaxis), "source", "destination", any_type=True),
    "Ravel": function(_reshape, any_type=True),
    "Reshape": function(_reshape, "newshape", any_type=True),
    "Squeeze": function(in_own_order(_squeeze), "axis", any_type=True),
    "Swapaxes": function(in_own_order(_swapaxes), "axis1", "axis2", any_type=True),
    "Transpose": function(in_own_order(_transpose), "axes", any_type=True),
}
"""The functions of this family."""
