"""Converts functions that join, repeat, pad or turn tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import Call, Result, Value, in_any_order, in_own_order
from zoodiff.frontends.keras.functions.function import (
    Function,
    arguments,
    array_of,
    axes_of,
    function,
    settings_of,
    tensor_of,
    whole,
    wholes,
)
from zoodiff.frontends.operations import Cut


def _parts(call: Call) -> list[Value] | None:
    """Return the tensors of a function on a list of tensors."""
    given = arguments(call)
    parts = given.get("x", given.get("xs"))
    if len(given) != 1 or not isinstance(parts, list | tuple) or not parts:
        return None
    tensors = [part for part in parts if isinstance(part, Value)]
    return tensors if len(tensors) == len(parts) == len(call.inputs) else None


def _concatenate(call: Call) -> Result:
    parts, rank = _parts(call), len(call.shapes[0])
    axis = axes_of(settings_of(call.operation).get("axis", 0), rank)
    if parts is None or axis is None or len(axis) != 1:
        return None
    if any(len(part.shape) != rank for part in parts):
        return None
    if len(parts) == 1:
        return parts[0]
    return call.emit(operations.concat(call.axis(axis[0])))


def _stack(call: Call) -> Result:
    """Join tensors along a new axis."""
    parts, shape = _parts(call), call.shapes[0]
    axis = axes_of(settings_of(call.operation).get("axis", 0), len(shape))
    if parts is None or axis is None or len(axis) != 1 or len(shape) != call.rank + 1:
        return None
    if any(part.shape != parts[0].shape for part in parts):
        return None
    thin = tuple(1 if i == axis[0] else n for i, n in enumerate(shape))
    widened = [
        call.emit(operations.unsqueeze(axis), inputs=[part.name], shape=thin, step=str(k))
        for k, part in enumerate(parts)
    ]
    return call.emit(operations.concat(axis[0]), inputs=widened)


def _pad(call: Call) -> Result:
    """Pad a tensor; the pads of one axis are of all its axes or a pair for all."""
    data, settings = tensor_of(call, "constant_values"), settings_of(call.operation)
    mode = settings.get("mode")
    value = array_of(arguments(call).get("constant_values", 0))
    if data is None or mode not in {"constant", "reflect", "symmetric"}:
        return None
    if value is None or value.size != 1:
        return None
    pairs = [wholes(pair) for pair in settings.get("pad_width", ())]
    if len(pairs) == 1:
        pairs = pairs * len(data.shape)
    widths = [pair for pair in pairs if pair is not None and len(pair) == 2 and min(pair) >= 0]
    if len(widths) != len(data.shape):
        return None
    padded = tuple(n + sum(pair) for n, pair in zip(data.shape, widths, strict=True))
    if padded != call.shapes[0]:
        return None
    by_axis = sorted((call.axis(i), pair) for i, pair in enumerate(widths) if any(pair))
    if not by_axis:
        return data
    before, after = ([pair[end] for _, pair in by_axis] for end in (0, 1))
    filler = float(value.reshape(())) if mode == "constant" else None
    axes = [axis for axis, _ in by_axis]
    return call.emit(operations.pad([*before, *after], axes, mode=mode, value=filler))


def _roll(call: Call) -> Result:
    """Convert a roll: along each axis, the last elements are moved before the first."""
    data, settings = tensor_of(call), settings_of(call.operation)
    shifts = wholes(settings.get("shift"))
    if data is None or shifts is None or settings.get("axis") is None:
        return None
    axes = axes_of(settings["axis"], len(data.shape))
    if axes is None or len(axes) != len(shifts):
        return None
    turns = [(axis, -shift % data.shape[axis]) for axis, shift in zip(axes, shifts, strict=True)]
    turns = [(axis, cut) for axis, cut in turns if cut]
    rolled = data.name
    for k, (axis, cut) in enumerate(turns):
        parts = []
        for step, start, end in (("last", cut, data.shape[axis]), ("first", 0, cut)):
            shape = (*data.shape[:axis], end - start, *data.shape[axis + 1 :])
            part = operations.sliced([Cut(call.axis(axis), start, end)])
            parts.append(
                call.emit(part, inputs=[rolled], shape=call.in_graph(shape), step=f"{step}{k}")
            )
        step = "" if k == len(turns) - 1 else f"roll{k}"
        rolled = call.emit(operations.concat(call.axis(axis)), inputs=parts, step=step)
    return rolled if turns else data


def _flip(call: Call) -> Result:
    data = tensor_of(call)
    if data is None:
        return None
    axes = axes_of(settings_of(call.operation).get("axis"), len(data.shape))
    if axes is None:
        return None
    turned = [axis for axis in axes if data.shape[axis] > 1]
    cuts = sorted((call.axis(axis), data.shape[axis]) for axis in turned)
    if not cuts:
        return data
    return call.emit(operations.sliced(Cut(axis, -1, -n - 1, -1) for axis, n in cuts))


def _tile(call: Call) -> Result:
    data, times = tensor_of(call), wholes(settings_of(call.operation).get("repeats"))
    if data is None or times is None:
        return None
    rank = max(len(times), len(data.shape))
    return _repeated(call, data, [1] * (rank - len(times)) + times, each=False)


def _repeat(call: Call) -> Result:
    """Repeat each element along an axis; None where the counts differ or there is no axis."""
    data, settings = tensor_of(call), settings_of(call.operation)
    count, axis = whole(settings.get("repeats")), whole(settings.get("axis"))
    if data is None or count is None or axis is None:
        return None
    times = [1] * len(data.shape)
    times[axis % len(times)] = count
    return _repeated(call, data, times, each=True)


def _repeated(call: Call, data: Value, times: Sequence[int], *, each: bool) -> Result:
    """Add an axis of extent 1 beside each axis that is repeated, expand it, and join the two."""
    wide = (*(1,) * (len(times) - len(data.shape)), *data.shape)
    whole_shape = tuple(n * count for n, count in zip(wide, times, strict=True))
    if min(times, default=1) < 1 or whole_shape != call.shapes[0]:
        return None
    if all(n == 1 for n in times):
        return data if wide == data.shape else call.emit(operations.reshape(wide))
    apart, expanded = operations.repeating_shapes(wide, times, each=each)
    source = data.name
    if apart != data.shape:
        source = call.emit(operations.reshape(apart), inputs=[source], shape=apart, step="apart")
    if expanded == call.shapes[0]:
        return call.emit(operations.expand(expanded), inputs=[source])
    repeats = call.emit(
        operations.expand(expanded), inputs=[source], shape=expanded, step="repeated"
    )
    return call.emit(operations.reshape(call.shapes[0]), inputs=[repeats])


def _broadcast_to(call: Call) -> Result:
    data, shape = tensor_of(call), call.shapes[0]
    if data is None or len(data.shape) > len(shape):
        return None
    wide = (*(1,) * (len(shape) - len(data.shape)), *data.shape)
    if any(n not in (1, m) for n, m in zip(wide, shape, strict=True)):
        return None
    return data if data.shape == shape else call.emit(operations.expand(shape))


FUNCTIONS: Mapping[str, Function] = {
    "BroadcastTo": function(in_own_order(_broadcast_to), "shape", any_type=True),
    "Concatenate": function(in_any_order(_concatenate), "axis", any_type=True),
    "Flip": function(in_any_order(_flip), "axis", any_type=True),
    "Pad": function(in_any_order(_pad), "mode", "pad_width", any_type=True),
    "Repeat": function(in_own_order(_repeat), "axis", "repeats", any_type=True),
    "Roll": function(in_any_order(_roll), "axis", "shift", any_type=True),
    "Stack": function(in_own_order(_stack), "axis", any_type=True),
    "Tile": function(in_own_order(_tile), "repeats", any_type=True),
}
"""The functions of this family."""
