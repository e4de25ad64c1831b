"""Converts functions that take parts of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras.call import (
    Call,
    Result,
    Shape,
    Value,
    in_any_order,
    in_own_order,
    outputs_of,
)
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


def _split(call: Call) -> Result:
    """Split a tensor; an empty piece, behind the last index, is a slice of its own."""
    data = tensor_of(call)
    if data is None:
        return None
    axis = axes_of(settings_of(call.operation).get("axis", 0), len(data.shape))
    if axis is None or len(axis) != 1:
        return None
    sizes = [shape[axis[0]] for shape in call.shapes]
    ends = _ends(settings_of(call.operation).get("indices_or_sections"), data.shape[axis[0]])
    if ends is None or sizes != [b - a for a, b in zip([0, *ends], ends, strict=False)]:
        return None
    place = call.axis(axis[0])
    if len(sizes) == 1:
        return data
    shapes = [shape for shape in call.shapes if shape[axis[0]]]
    if len(shapes) == 1:  # all of it, beside empty pieces
        return [data if n else _empty(call, place, k) for k, n in enumerate(sizes)]
    names = call.emit_several(
        operations.split(place, [size for size in sizes if size]), list(map(call.in_graph, shapes))
    )
    pieces = iter(map(partial(_tensor, call), names, shapes))
    return [next(pieces) if n else _empty(call, place, k) for k, n in enumerate(sizes)]


def _ends(sections: object, extent: int) -> list[int] | None:
    """Return where the pieces of a split end, as numpy has it."""
    count = whole(sections)
    if count is not None:
        if count < 1 or extent % count:
            return None
        return [extent // count * (k + 1) for k in range(count)]
    indices = wholes(sections)
    if not indices or sorted(indices) != indices or indices[0] < 0 or indices[-1] > extent:
        return None
    return [*indices, extent]


def _empty(call: Call, axis: int, k: int) -> Value:
    shape = call.shapes[k]
    nothing = operations.sliced([Cut(axis, 0, 0)])
    return _tensor(call, call.emit(nothing, shape=call.in_graph(shape), step=f"empty{k}"), shape)


def _tensor(call: Call, name: str, shape: Shape) -> Value:
    return Value(name, shape, call.dtypes[0], image=call.image and len(shape) == 4)


def _unstack(call: Call) -> Result:
    """Every element of an axis, which goes."""
    data = tensor_of(call)
    if data is None:
        return None
    axis = axes_of(settings_of(call.operation).get("axis", 0), len(data.shape))
    if axis is None or len(axis) != 1 or len(call.shapes) != data.shape[axis[0]]:
        return None
    return [
        call.emit(operations.select(axis[0], k), shape=shape, step=str(k))
        for k, shape in enumerate(call.shapes)
    ]


def _get_item(call: Call) -> Result:
    """Convert ``x[key]`` with whole numbers, slices, new axes and an ellipsis."""
    given = arguments(call)
    data, key = given.get("x"), given.get("key")
    if set(given) != {"x", "key"} or not isinstance(data, Value):
        return None
    parts = list(key) if isinstance(key, list | tuple) else [key]
    entries = _entries(parts, len(data.shape))
    if entries is None:
        return None
    keeps_axes = all(isinstance(entry, slice) for entry in entries)
    call = call.as_held() if keeps_axes else call.own_order()
    data = call.inputs[0]
    cuts: list[Cut] = []
    gone: list[int] = []
    new: list[int] = []
    shape = list(data.shape)
    axis = 0
    for place, entry in enumerate(entries):
        if entry is None:
            new.append(place - len(gone))
            continue
        cut = _cut(entry, data.shape[axis])
        if cut is None:
            return None
        start, end, step, size = cut
        if (start, end, step) != (0, data.shape[axis], 1):
            cuts.append(Cut(call.axis(axis), start, end, step))
        if not isinstance(entry, slice):
            gone.append(axis)
        shape[axis] = size
        axis += 1
    return outputs_of(call, _taken(call, data, cuts, shape, gone, new))


def _taken(
    call: Call, data: Value, cuts: list[Cut], shape: list[int], gone: list[int], new: list[int]
) -> Result:
    """Add a slice, the removal of axes, and new axes, each where there is one."""
    steps: list[tuple[operations.Operation, tuple[int, ...], str]] = []
    left = tuple(n for i, n in enumerate(shape) if i not in gone)
    single = len(gone) == 1 and len(cuts) <= 1 and not (cuts and cuts[0].axis != gone[0])
    if single:
        index = cuts[0].start if cuts else 0
        steps.append((operations.select(gone[0], index), left, "taken"))
    else:
        if cuts:
            ordered = sorted(cuts, key=lambda cut: cut.axis)
            steps.append((operations.sliced(ordered), call.in_graph(shape), "slice"))
        if gone:
            steps.append((operations.squeeze(gone), left, "taken"))
    if new:
        wide = call.shapes[0]
        steps.append((operations.unsqueeze(new), wide, "new"))
    if not steps:
        return data
    name = data.name
    for k, (operation, extents, step) in enumerate(steps):
        last = k == len(steps) - 1
        if last and extents != call.output:
            return None
        name = call.emit(operation, inputs=[name], shape=extents, step="" if last else step)
    return name


def _entries(parts: list[Any], rank: int) -> list[Any] | None:
    """Return a key with one entry per axis, and None for each new axis."""
    if any(
        p is not None and not isinstance(p, slice) and p is not Ellipsis and whole(p) is None
        for p in parts
    ):
        return None
    consumed = sum(part is not None and part is not Ellipsis for part in parts)
    dots = [k for k, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1 or consumed > rank:
        return None
    at = dots[0] if dots else len(parts)
    return [*parts[:at], *[slice(None)] * (rank - consumed), *parts[at + 1 :]]


def _cut(entry: object, extent: int) -> tuple[int, int, int, int] | None:
    """Return start, end, step and number of the elements that an entry of a key takes."""
    index = whole(entry)
    if index is not None:
        return (index % extent, index % extent + 1, 1, 1) if -extent <= index < extent else None
    if not isinstance(entry, slice):
        return None
    bounds = (entry.start, entry.stop, entry.step)
    if any(bound is not None and whole(bound) is None for bound in bounds):
        return None
    start, end, step = entry.indices(extent)
    size = len(range(start, end, step))
    if not size:
        return None
    if step > 0:
        return start, min(end, extent), step, size
    return start, (end if end >= 0 else -extent - 1), step, size


def _slice(call: Call) -> Result:
    """Convert ``keras.ops.slice`` with constant starts."""
    given, sizes = arguments(call), wholes(settings_of(call.operation).get("shape"))
    data, first = given.get("inputs"), array_of(given.get("start_indices"))
    if set(given) != {"inputs", "start_indices"} or not isinstance(data, Value):
        return None
    if first is None or sizes is None or first.dtype.kind not in "iu":
        return None
    starts = [int(n) for n in first.reshape(-1)]
    if len(starts) != len(data.shape) or len(sizes) != len(starts):
        return None
    rows = list(zip(starts, sizes, data.shape, strict=True))
    rows = [(start, n - start if size == -1 else size, n) for start, size, n in rows]
    if any(start < 0 or size < 1 or start + size > n for start, size, n in rows):
        return None
    cuts = [
        Cut(call.axis(axis), start, start + size)
        for axis, (start, size, n) in enumerate(rows)
        if size != n
    ]
    if tuple(size for _, size, _ in rows) != call.shapes[0]:
        return None
    ordered = sorted(cuts, key=lambda cut: cut.axis)
    return call.emit(operations.sliced(ordered)) if cuts else data


def _take(call: Call) -> Result:
    """Choose elements by constant indices, or rows of a weight by computed ones."""
    given, axis = arguments(call), settings_of(call.operation).get("axis")
    data, indices = given.get("x"), given.get("indices")
    if set(given) != {"x", "indices"} or not isinstance(data, Value) or axis is None:
        return None
    axes = axes_of(axis, len(data.shape))
    if axes is None or len(axes) != 1:
        return None
    if isinstance(indices, Value):
        return _rows(call, data, indices, axes[0])
    return _by_table(call, data.shape[axes[0]], array_of(indices), axes[0])


def _by_table(call: Call, extent: int, table: Any, axis: int) -> Result:
    if table is None or table.dtype.kind not in "iu" or not table.size:
        return None
    if (table < -extent).any() or (table >= extent).any() or not call.builder.afford(table.size):
        return None
    chosen = [int(n) % extent for n in table.reshape(-1)]
    if not table.ndim:
        return call.emit(operations.select(axis, chosen[0]))
    shape = None if table.ndim == 1 else table.shape
    return call.emit(operations.gather(axis, chosen, shape))


def _rows(call: Call, data: Value, indices: Value, axis: int) -> Result:
    if data.variable is None or axis or "int" not in indices.dtype or len(data.shape) != 2:
        return None
    rows = operations.rows_of_weight()
    return call.emit(rows, inputs=[indices.name], variables=[data.variable])


FUNCTIONS: Mapping[str, Function] = {
    "GetItem": function(_get_item, any_type=True),
    "Slice": function(in_any_order(_slice), "shape", any_type=True),
    "Split": function(in_any_order(_split), "axis", "indices_or_sections", any_type=True),
    "Take": function(in_own_order(_take), "axis", any_type=True),
    "Unstack": function(in_own_order(_unstack), "axis", "num", any_type=True),
}
"""The functions of this family."""
