"""Converts normalisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import (
    Call,
    Handler,
    Result,
    Value,
    Weight,
    in_any_order,
    in_own_order,
)
from zoodiff.frontends.keras.functions.function import (
    Function,
    arguments,
    axes_of,
    function,
    settings_of,
)


def _epsilon(call: Call) -> float:
    import keras

    epsilon = settings_of(call.operation).get("epsilon")
    return float(keras.config.epsilon() if epsilon is None else epsilon)


def _weights(call: Call, *roles: tuple[str, str]) -> tuple[Value, list[Weight], set[str]] | None:
    """Return data, and the weights among the other arguments with their roles.

    Each weight has the extents of the normalised axes; None where an argument is computed.
    """
    given = arguments(call)
    data = given.pop("x", None)
    if not isinstance(data, Value) or data.variable is not None:
        return None
    weights = []
    for name, role in roles:
        value = given.pop(name, None)
        if value is None:
            continue
        if not isinstance(value, Value) or value.variable is None:
            return None
        weights.append((value, Weight(value.variable, role)))
    extents = _extents(call, data)
    if given or extents is None or any(value.shape != extents for value, _ in weights):
        return None
    return data, [weight for _, weight in weights], {weight.role for _, weight in weights}


def _axes(call: Call, data: Value) -> list[int] | None:
    axis: Any = settings_of(call.operation).get("axis")
    axes = None if axis is None else axes_of(axis, len(data.shape))
    return None if axes is None else sorted(axes)


def _extents(call: Call, data: Value) -> tuple[int, ...] | None:
    axes = _axes(call, data)
    return None if axes is None else tuple(data.shape[axis] for axis in axes)


def _in_order(handler: Handler) -> Handler:
    """Several axes have weights in the framework's order; one may be the channels of an image."""

    def ordered(call: Call) -> Result:
        axis = settings_of(call.operation).get("axis")
        return (in_any_order if isinstance(axis, int) else in_own_order)(handler)(call)

    return ordered


def _layer_norm(call: Call) -> Result:
    operands = _weights(call, ("gamma", "scale"), ("beta", "shift"))
    if operands is None or settings_of(call.operation).get("rms_scaling"):
        return None
    data, weights, roles = operands
    axes = _axes(call, data)
    assert axes is not None
    return call.emit(
        operations.layer_norm(
            map(call.axis, axes),
            epsilon=_epsilon(call),
            scale="scale" in roles,
            center="shift" in roles,
        ),
        inputs=[data.name],
        variables=weights,
    )


def _rms_norm(call: Call) -> Result:
    operands = _weights(call, ("scale", "scale"))
    if operands is None:
        return None
    data, weights, roles = operands
    axes = _axes(call, data)
    assert axes is not None
    return call.emit(
        operations.rms_norm(map(call.axis, axes), epsilon=_epsilon(call), scale="scale" in roles),
        inputs=[data.name],
        variables=weights,
    )


def _batch_norm(call: Call) -> Result:
    operands = _weights(
        call, ("scale", "scale"), ("offset", "shift"), ("mean", "mean"), ("variance", "variance")
    )
    axis = settings_of(call.operation).get("axis")
    if operands is None or not isinstance(axis, int):
        return None
    data, weights, roles = operands
    if not {"mean", "variance"} <= roles:
        return None
    return call.emit(
        operations.batch_norm(
            epsilon=_epsilon(call),
            axis=call.axis(axis),
            scale="scale" in roles,
            center="shift" in roles,
        ),
        inputs=[data.name],
        variables=weights,
    )


def _normalize(call: Call) -> Result:
    """Divide by the root of the sum of squares, or by epsilon if that is larger."""
    settings, given = settings_of(call.operation), arguments(call)
    data = given.get("x")
    if set(given) != {"x"} or not isinstance(data, Value) or settings.get("order") != 2:
        return None
    axes = _axes(call, data)
    if not axes:
        return None
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(data.shape))
    length = call.emit(
        operations.reduced("ReduceL2", axes, keepdims=True), shape=kept, step="length"
    )
    divisor = call.emit(
        operations.clip(_epsilon(call), None), inputs=[length], shape=kept, step="divisor"
    )
    return call.emit(operations.arithmetic("Div"), inputs=[data.name, divisor])


FUNCTIONS: Mapping[str, Function] = {
    "BatchNorm": function(in_any_order(_batch_norm), "axis", "epsilon"),
    "LayerNorm": function(_in_order(_layer_norm), "axis", "epsilon", "rms_scaling"),
    "Normalize": function(in_own_order(_normalize), "axis", "epsilon", "order"),
    "RMSNorm": function(_in_order(_rms_norm), "axis", "epsilon"),
}
"""The functions of this family."""
