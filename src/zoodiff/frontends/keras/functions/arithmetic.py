"""Converts arithmetic on two tensors, or on a tensor and a constant."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Result, Value, in_any_order
from zoodiff.frontends.keras.functions.function import Function, arguments, array_of, function
from zoodiff.frontends.operations import Arithmetic

_MOST_NUMBERS = 4096
"""Numbers in one table of constants."""
_MOST_PLACES = 2**24
"""Places of a mask."""
_LOW = -10.0
"""A number that is added to scores of attention to leave them out is at most this."""


def combined(
    call: Call, op: Arithmetic, first: Value, second: Value, *, step: str = ""
) -> Value | None:
    """Return arithmetic on two tensors, of which one may be a weight; they broadcast as in numpy.

    Operands with fewer axes get axes of extent 1 in front, in the framework's order.
    """
    along = _with_vector(call, op, first, second, step)
    if along is not None:
        return along
    image = call.image and len(first.shape) == len(second.shape)
    operands = [call.builder.held(value, image=image) for value in (first, second)]
    shape = _broadcast(first.shape, second.shape)
    if shape is None:
        return None
    wide = [_widened(call, value, len(shape), k, step) for k, value in enumerate(operands)]
    result = Value("", shape, call.dtypes[0], image=image and len(shape) == 4)
    name = call.emit(
        operations.arithmetic(op), inputs=wide, step=step, shape=_in_graph(result, shape)
    )
    return Value(name, shape, result.dtype, image=result.image)


def _with_vector(
    call: Call, op: Arithmetic, first: Value, second: Value, step: str
) -> Value | None:
    """Return arithmetic with a weight along the last axis, or of one number."""
    weights = [value for value in (first, second) if value.variable is not None]
    if len(weights) != 1:
        return None
    weight, data = weights[0], second if first.variable is not None else first
    vector = len(weight.shape) == 1 and bool(data.shape) and weight.shape[0] == data.shape[-1] > 1
    single = weight.shape in {(), (1,)} and bool(data.shape)
    if not (vector or single):
        return None
    operation = operations.arithmetic(
        op,
        axis=call.axis(-1, len(data.shape)) if vector else None,
        constant_first=first is weight,
    )
    shape = call.in_graph(data.shape)
    name = call.emit(
        operation, inputs=[data.name], step=step, shape=shape, variables=[weight.variable]
    )
    return Value(name, data.shape, call.dtypes[0], image=call.image and len(shape) == 4)


def _widened(call: Call, value: Value, rank: int, place: int, step: str) -> str:
    missing = rank - len(value.shape)
    if not missing:
        return value.name
    shape = (*(1,) * missing, *value.shape)
    name = f"{step}/wide{place}" if step else f"wide{place}"
    return call.emit(operations.reshape(shape), inputs=[value.name], step=name, shape=shape)


def _in_graph(value: Value, shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], shape[3], shape[1], shape[2]) if value.image else shape


def _broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...] | None:
    import numpy as np

    try:
        return tuple(int(n) for n in np.broadcast_shapes(first, second))
    except ValueError:
        return None


def _arithmetic(op: Arithmetic) -> Function:
    def handler(call: Call) -> Result:
        given = arguments(call)
        if set(given) != {"x1", "x2"}:
            return None
        first, second = given["x1"], given["x2"]
        if isinstance(first, Value) and isinstance(second, Value):
            return combined(call, op, first, second)
        if isinstance(first, Value):
            return _with_constant(call, op, second, constant_first=False)
        return _with_constant(call, op, first, constant_first=True)

    return function(in_any_order(handler))


def _with_constant(call: Call, op: Arithmetic, constant: object, *, constant_first: bool) -> Result:
    """Combine a tensor with a number, numbers along an axis, or a small table of numbers."""
    import numpy as np

    array, data = array_of(constant), call.inputs[0]
    if array is None or array.dtype.kind == "b" or array.ndim > len(data.shape):
        return None
    shape = _broadcast(data.shape, array.shape)
    if shape != call.shapes[0] or array.size > _MOST_PLACES or not np.isfinite(array).all():
        return None
    numbers = [float(number) for number in array.reshape(-1)]
    if len(numbers) == 1:
        operation = operations.arithmetic(op, value=numbers[0], constant_first=constant_first)
        return call.emit(operation)
    vector = array.ndim and array.shape[-1] == array.size <= _MOST_NUMBERS
    if vector and call.builder.afford(array.size):
        along = operations.arithmetic(
            op, value=numbers, axis=call.axis(-1), constant_first=constant_first
        )
        return call.emit(along)
    call = call.own_order()
    masked = _masked(call, op, array)
    if masked is not None or array.size > _MOST_NUMBERS or not call.builder.afford(array.size):
        return masked
    table = (*(1,) * (len(shape) - array.ndim), *array.shape)
    by_table = operations.arithmetic(
        op, value=numbers, constant_shape=table, constant_first=constant_first
    )
    name = call.emit(by_table)
    return Value(name, call.shapes[0], call.dtypes[0])


def _masked(call: Call, op: Arithmetic, table: Any) -> Value | None:
    """Return scores to which a very low number is added in some places, and nothing in others."""
    import numpy as np

    low = [float(number) for number in np.unique(table)] if op == "Add" else []
    if len(low) != 2 or low[1] != 0 or low[0] > _LOW:
        return None
    runs = [(bool(key), len(list(run))) for key, run in groupby((table != 0).reshape(-1).tolist())]
    lengths = [0] * runs[0][0] + [length for _, length in runs]
    if len(lengths) > _MOST_NUMBERS and not call.builder.afford(len(lengths)):
        return None
    mask = operations.mask(table.shape, lengths, value=low[0], added=True)
    return Value(call.emit(mask), call.shapes[0], call.dtypes[0])


FUNCTIONS: Mapping[str, Function] = {
    "Add": _arithmetic("Add"),
    "Divide": _arithmetic("Div"),
    "Maximum": _arithmetic("Max"),
    "Minimum": _arithmetic("Min"),
    "Multiply": _arithmetic("Mul"),
    "Power": _arithmetic("Pow"),
    "Subtract": _arithmetic("Sub"),
    "TrueDivide": _arithmetic("Div"),
}
"""The functions of this family."""
