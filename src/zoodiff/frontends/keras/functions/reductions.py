"""Converts sums, means, extremes and moments over axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Handler, Result, Shape, in_own_order, outputs_of
from zoodiff.frontends.keras.functions.function import (
    Function,
    axes_of,
    function,
    settings_of,
    tensor_of,
)
from zoodiff.frontends.operations import Operation

_SETTINGS = ("axis", "keepdims")


def _over(call: Call) -> tuple[list[int], bool] | None:
    """Return the axes of a reduction in the framework's order, and whether they stay."""
    data, settings = tensor_of(call), settings_of(call.operation)
    keep = settings.get("keepdims")
    if data is None or not isinstance(keep, bool):
        return None
    axes = axes_of(settings.get("axis"), len(data.shape))
    return None if not axes else (sorted(axes), keep)


def _reduced(op: str, pool: Operation | None = None) -> Handler:
    """Return the handler of a reduction; over height and width of an image it is a ``pool``."""

    def handler(call: Call) -> Result:
        over = _over(call)
        if over is None:
            return None
        axes, keep = over
        image = call.inputs[0].image
        if image and axes == [1, 2] and pool is not None:
            call = call.as_held()
            return outputs_of(call, _pooled(call, pool, keep))
        # Without height and width, or without channels, the other axes are in the same order.
        same = keep or axes in ([1, 2], [3], [1, 2, 3], [0, 1, 2, 3])
        call = call.as_held() if same else call.own_order()
        placed = sorted(call.axis(axis) for axis in axes)
        return outputs_of(call, call.emit(operations.reduced(op, placed, keepdims=keep)))

    return handler


def _pooled(call: Call, pool: Operation, keep: bool) -> Result:
    batch, channels = call.canonical_input[:2]
    pooled: Shape = (batch, channels, 1, 1)
    if keep:
        return call.emit(pool, shape=pooled)
    name = call.emit(pool, shape=pooled, step="pool")
    return call.emit(operations.flatten(), inputs=[name])


def _variance(*, root: bool) -> Handler:
    """Return the handler of the mean of squared deviations, or of its root."""

    def handler(call: Call) -> Result:
        over = _over(call)
        if over is None:
            return None
        axes, keep = over
        _, squares = _squared_deviations(call, axes)
        last = operations.reduced("ReduceMean", axes, keepdims=keep)
        if not root:
            return call.emit(last, inputs=[squares])
        variance = call.emit(last, inputs=[squares], step="variance")
        return call.emit(operations.unary("Sqrt"), inputs=[variance])

    return in_own_order(handler)


def _squared_deviations(call: Call, axes: Sequence[int]) -> tuple[str, str]:
    """Add the mean over axes, which stay, and the squares of what deviates from it."""
    shape, data = call.inputs[0].shape, call.inputs[0].name
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    mean = call.emit(operations.reduced("ReduceMean", axes, keepdims=True), shape=kept, step="mean")
    deviation = call.emit(
        operations.arithmetic("Sub"), inputs=[data, mean], shape=shape, step="deviation"
    )
    squares = call.emit(
        operations.arithmetic("Mul"), inputs=[deviation, deviation], shape=shape, step="squares"
    )
    return mean, squares


def _moments(call: Call) -> Result:
    """Return the mean and the variance over axes."""
    data, settings = tensor_of(call), settings_of(call.operation)
    axes = None if data is None else axes_of(settings.get("axes"), len(data.shape))
    keep = settings.get("keepdims")
    if not axes or not isinstance(keep, bool) or settings.get("synchronized"):
        return None
    axes = sorted(axes)
    kept_mean, squares = _squared_deviations(call, axes)
    mean = operations.reduced("ReduceMean", axes, keepdims=False)
    return [
        kept_mean if keep else call.emit(mean, step="flat_mean"),
        call.emit(
            operations.reduced("ReduceMean", axes, keepdims=keep),
            inputs=[squares],
            shape=call.shapes[1],
            step="variance",
        ),
    ]


FUNCTIONS: Mapping[str, Function] = {
    "Amax": function(_reduced("ReduceMax", operations.GLOBAL_MAX_POOL), *_SETTINGS),
    "Amin": function(_reduced("ReduceMin"), *_SETTINGS),
    "Max": function(_reduced("ReduceMax", operations.GLOBAL_MAX_POOL), *_SETTINGS),
    "Mean": function(_reduced("ReduceMean", operations.GLOBAL_AVERAGE_POOL), *_SETTINGS),
    "Min": function(_reduced("ReduceMin"), *_SETTINGS),
    "Moments": function(in_own_order(_moments), "axes", "keepdims", "synchronized"),
    "Prod": function(_reduced("ReduceProd"), *_SETTINGS),
    "Std": function(_variance(root=True), *_SETTINGS),
    "Sum": function(_reduced("ReduceSum"), *_SETTINGS),
    "Var": function(_variance(root=False), *_SETTINGS),
}
"""The functions of this family."""
